// Half-section of a cylindrical rod that strikes a rigid wall end on, for axisymmetric models.
//
//   x: radius, 0 (axis) .. radius; y: along the rod, 0 (struck end) .. length.
//
// Parameters, settable with `gmsh -setnumber name value` or from Python by `gmsh.onelab.setNumber`. SI units.
DefineConstant[
  radius = {0.0032, Name "radius"}           // [m]
  length = {0.0324, Name "length"}           // [m]
  radial_cells = {6, Name "radial_cells"}    // cells from axis to side
  axial_cells = {60, Name "axial_cells"}     // cells along the rod
];

Point(1) = {0, 0, 0};
Point(2) = {radius, 0, 0};
Point(3) = {radius, length, 0};
Point(4) = {0, length, 0};
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
Physical Curve("wall") = {1};
Physical Curve("side") = {2};
Physical Curve("free_end") = {3};
Physical Curve("axis") = {4};
