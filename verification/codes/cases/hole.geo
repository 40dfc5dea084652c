// Quarter of a plate with a hole, a solid of quadratic tetrahedra with curved sides: 2 x 2 x 0.5, the hole's radius 0.5.
SetFactory("OpenCASCADE");
DefineConstant[ size = {0.16, Name "size"} ];
Box(1) = {0, 0, 0, 2, 2, 0.5};
Cylinder(2) = {0, 0, -1, 0, 0, 3, 0.5};
BooleanDifference(3) = { Volume{1}; Delete; }{ Volume{2}; Delete; };
MeshSize{:} = size;
edge() = Curve In BoundingBox{-1, -1, -1, 0.6, 0.6, 1};
MeshSize{ PointsOf{ Curve{edge()}; } } = 0.4 * size;
e = 1e-3;
Physical Volume("plate") = {3};
Physical Surface("x_plane") = Surface In BoundingBox{-e, -e, -e, e, 2 + e, 0.5 + e};
Physical Surface("y_plane") = Surface In BoundingBox{-e, -e, -e, 2 + e, e, 0.5 + e};
Physical Surface("z_plane") = Surface In BoundingBox{-e, -e, -e, 2 + e, 2 + e, e};
Physical Surface("end") = Surface In BoundingBox{2 - e, -e, -e, 2 + e, 2 + e, 0.5 + e};
