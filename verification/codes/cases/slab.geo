// A strip of a slab, 0.1 m thick along x.
SetFactory("OpenCASCADE");
DefineConstant[ cells = {40, Name "cells"} ];
Rectangle(1) = {0, 0, 0, 0.1, 0.005};
Transfinite Curve {1, 3} = cells + 1;
Transfinite Curve {2, 4} = 2;
Transfinite Surface {1};
Recombine Surface {1};
Physical Surface("slab") = {1};
Physical Curve("far") = {2};
Physical Curve("near") = {4};
