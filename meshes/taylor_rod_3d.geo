// Quarter of a cylindrical rod that strikes a rigid wall end on, structured hexahedra.
//
//   x, y: 0 (symmetry planes) .. radius; z: along the rod, 0 (struck end) .. length.
//   The section is a square core (core_cells by core_cells) and two blocks of ring_cells around it, so that no cell
//   collapses at the axis.
//
// Parameters, settable with `gmsh -setnumber name value` or from Python by `gmsh.onelab.setNumber`. SI units.
DefineConstant[
  radius = {0.0032, Name "radius"}           // [m]
  length = {0.0324, Name "length"}           // [m]
  core_cells = {4, Name "core_cells"}        // cells along an edge of the core
  ring_cells = {4, Name "ring_cells"}        // cells from core to side
  axial_cells = {80, Name "axial_cells"}     // cells along the rod
];

core = 0.5 * radius;      // edge of the core on the symmetry planes
corner = 0.42 * radius;   // its corner, pulled in so that the angles there stay near 120 degrees
diagonal = radius / Sqrt(2);

Point(1) = {0, 0, 0};
Point(2) = {core, 0, 0};
Point(3) = {corner, corner, 0};
Point(4) = {0, core, 0};
Point(5) = {radius, 0, 0};
Point(6) = {diagonal, diagonal, 0};
Point(7) = {0, radius, 0};
Line(1) = {1, 2};
Line(2) = {2, 3};
Line(3) = {3, 4};
Line(4) = {4, 1};
Line(5) = {2, 5};
Line(6) = {3, 6};
Line(7) = {4, 7};
Circle(8) = {5, 1, 6};
Circle(9) = {6, 1, 7};
Curve Loop(1) = {1, 2, 3, 4};
Curve Loop(2) = {5, 8, -6, -2};
Curve Loop(3) = {6, 9, -7, -3};
Plane Surface(1) = {1};
Plane Surface(2) = {2};
Plane Surface(3) = {3};
Transfinite Curve{1, 2, 3, 4, 8, 9} = core_cells + 1;
Transfinite Curve{5, 6, 7} = ring_cells + 1;
Transfinite Surface{1} = {1, 2, 3, 4};
Transfinite Surface{2} = {2, 5, 6, 3};
Transfinite Surface{3} = {3, 6, 7, 4};
Recombine Surface{1, 2, 3};

block1() = Extrude{0, 0, length}{ Surface{1}; Layers{axial_cells}; Recombine; };
block2() = Extrude{0, 0, length}{ Surface{2}; Layers{axial_cells}; Recombine; };
block3() = Extrude{0, 0, length}{ Surface{3}; Layers{axial_cells}; Recombine; };
Coherence;

e = 1e-7;
Physical Volume("rod") = {block1(1), block2(1), block3(1)};
Physical Surface("wall") = {1, 2, 3};
Physical Surface("free_end") = {block1(0), block2(0), block3(0)};
Physical Surface("x_plane") = Surface In BoundingBox{-e, -e, -e, e, radius + e, length + e};
Physical Surface("y_plane") = Surface In BoundingBox{-e, -e, -e, radius + e, e, length + e};
