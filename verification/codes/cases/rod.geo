// Half-section of a rod, axisymmetric: x the radius, y along the rod from the struck end. SI units.
DefineConstant[
  radial_cells = {5, Name "radial_cells"}
  axial_cells = {50, Name "axial_cells"}
];
Point(1) = {0, 0, 0};
Point(2) = {0.0032, 0, 0};
Point(3) = {0.0032, 0.0324, 0};
Point(4) = {0, 0.0324, 0};
Line(1) = {1, 2};
Line(2) = {2, 3};
Line(3) = {3, 4};
Line(4) = {4, 1};
Curve Loop(1) = {1, 2, 3, 4};
Plane Surface(1) = {1};
Transfinite Curve{1, 3} = radial_cells + 1;
Transfinite Curve{2, 4} = axial_cells + 1;
Transfinite Surface{1} = {1, 2, 3, 4};
Recombine Surface{1};
Physical Surface("rod") = {1};
Physical Curve("foot") = {1};
