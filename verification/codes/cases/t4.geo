// NAFEMS T4: a rectangle of 0.6 x 1.0 m.
SetFactory("OpenCASCADE");
DefineConstant[ size = {0.02, Name "size"}, corner = {0.0005, Name "corner"} ];
Point(1) = {0, 0, 0, size}; Point(2) = {0.6, 0, 0, corner}; Point(3) = {0.6, 0.2, 0, size};
Point(4) = {0.6, 1, 0, size}; Point(5) = {0, 1, 0, size};
Line(1) = {1, 2}; Line(2) = {2, 3}; Line(3) = {3, 4}; Line(4) = {4, 5}; Line(5) = {5, 1};
Curve Loop(1) = {1, 2, 3, 4, 5};
Plane Surface(1) = {1};
Physical Surface("plate") = {1};
Physical Curve("hot") = {1};
Physical Curve("air") = {2, 3, 4};
