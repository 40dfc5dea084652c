// A plate of 0.2 x 0.1 m with a hole of 30 mm beside the path of the torch.
SetFactory("OpenCASCADE");
DefineConstant[ size = {0.0025, Name "size"} ];
Rectangle(1) = {0, 0, 0, 0.2, 0.1};
Disk(2) = {0.105, 0.042, 0, 0.015};
body() = BooleanDifference{ Surface{1}; Delete; }{ Surface{2}; Delete; };
e = 1e-6;
Physical Surface("plate") = {body()};
Physical Curve("bottom") = Curve In BoundingBox{-e, -e, -e, 0.2 + e, e, e};
Physical Point("left_corner") = Point In BoundingBox{-e, -e, -e, e, e, e};
Physical Point("right_corner") = Point In BoundingBox{0.2 - e, -e, -e, 0.2 + e, e, e};
Mesh.MeshSizeMin = size;
Mesh.MeshSizeMax = size;
