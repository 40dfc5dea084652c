// Cook's membrane: a tapered panel, 48 long, 44 high on the left and 16 on the right.
SetFactory("OpenCASCADE");
DefineConstant[ cells = {32, Name "cells"} ];
Point(1) = {0, 0, 0}; Point(2) = {48, 44, 0}; Point(3) = {48, 60, 0}; Point(4) = {0, 44, 0};
Line(1) = {1, 2}; Line(2) = {2, 3}; Line(3) = {3, 4}; Line(4) = {4, 1};
Curve Loop(1) = {1, 2, 3, 4};
Plane Surface(1) = {1};
Transfinite Curve {1, 2, 3, 4} = cells + 1;
Transfinite Surface {1};
Recombine Surface {1};
Physical Surface("panel") = {1};
Physical Curve("clamp") = {4};
Physical Curve("end") = {2};
