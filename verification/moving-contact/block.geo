// A block of 100 x 40 mm, finer towards the face that is rolled over.
SetFactory("OpenCASCADE");
DefineConstant[ size = {0.0015, Name "size"} ];
Rectangle(1) = {0, 0, 0, 0.1, 0.04};
Physical Surface("block") = {1};
Physical Curve("base") = {1};
Physical Curve("top") = {3};
Field[1] = MathEval;
Field[1].F = Sprintf("%g*(1 + 40*(0.04 - y))", size);
Background Field = 1;
Mesh.MeshSizeExtendFromBoundary = 0;
Mesh.MeshSizeFromPoints = 0;
