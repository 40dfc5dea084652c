// A unit square, one cell.
SetFactory("OpenCASCADE");
Rectangle(1) = {0, 0, 0, 1, 1};
Transfinite Curve {1, 2, 3, 4} = 2;
Transfinite Surface {1};
Recombine Surface {1};
Physical Surface("cell") = {1};
Physical Curve("bottom") = {1};
Physical Curve("right") = {2};
Physical Curve("top") = {3};
Physical Curve("left") = {4};
