// A slice of a thick cylinder in its half-section, x the radius from 1 to 2.
SetFactory("OpenCASCADE");
DefineConstant[ radial = {32, Name "radial"} ];
Rectangle(1) = {1, 0, 0, 1, 0.05};
Transfinite Curve {1, 3} = radial + 1;
Transfinite Curve {2, 4} = 2;
Transfinite Surface {1};
Recombine Surface {1};
Physical Surface("ring") = {1};
Physical Curve("bottom") = {1};
Physical Curve("outside") = {2};
Physical Curve("top") = {3};
Physical Curve("bore") = {4};
