// A quarter of a strip with a round hole in its middle, two-dimensional.
//
//   The hole's centre is the origin; x: 0 .. length/2 along the strip, y: 0 .. width/2.
//   Boundaries: left (x = 0) and bottom (y = 0) are planes of symmetry, end (x = length/2) is pulled, hole is free.
//
// Parameters, settable with `gmsh -setnumber name value` or from Python by `gmsh.onelab.setNumber`. SI units.
SetFactory("OpenCASCADE");

DefineConstant[
  size = {0.0022, Name "size"}               // cell size far from the hole [m]
  length = {0.036, Name "length"}            // of the whole strip [m]
  width = {0.020, Name "width"}              // of the whole strip [m]
  radius = {0.005, Name "radius"}            // of the hole [m]
  hole_fineness = {3.0, Name "hole_fineness"}    // how many times finer at the hole
];

Rectangle(1) = {0, 0, 0, length/2, width/2};
Disk(2) = {0, 0, 0, radius};
body() = BooleanDifference{ Surface{1}; Delete; }{ Surface{2}; Delete; };

e = 1e-6;
left() = Curve In BoundingBox{-e, radius-e, -e, e, width/2+e, e};
bottom() = Curve In BoundingBox{radius-e, -e, -e, length/2+e, e, e};
end() = Curve In BoundingBox{length/2-e, -e, -e, length/2+e, width/2+e, e};
hole() = Curve In BoundingBox{-e, -e, -e, radius+e, radius+e, e};

Physical Surface("body") = {body()};
Physical Curve("left") = {left()};
Physical Curve("bottom") = {bottom()};
Physical Curve("end") = {end()};
Physical Curve("hole") = {hole()};

// Cell size grows linearly with the distance from the hole.
Field[1] = Distance;
Field[1].CurvesList = {hole()};
Field[1].Sampling = 60;
Field[2] = Threshold;
Field[2].InField = 1;
Field[2].SizeMin = size/hole_fineness;
Field[2].SizeMax = size;
Field[2].DistMin = 0;
Field[2].DistMax = 2*radius;
Background Field = 2;

Mesh.MeshSizeExtendFromBoundary = 0;
Mesh.MeshSizeFromPoints = 0;
Mesh.MeshSizeFromCurvature = 0;
