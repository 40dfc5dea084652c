// Cantilever beam with a through-hole, for the thermal-stress studies.
//
//   x: 0 (clamp) .. length (tip), y: 0 (cold face) .. height (hot face), z: 0 .. width.
//   The hole's axis is z, at mid-height (the mid-plane y = height/2), hole_x from the clamp.
//   Hot face: the top, y = height. Cold face: the bottom, y = 0. Heat flows down through the 40 mm height and
//   around the hole; tip load and thermal bending act about z.
//
// Parameters, settable with `gmsh -setnumber name value` or from Python by `gmsh.onelab.setNumber`. SI units.
SetFactory("OpenCASCADE");

DefineConstant[
  size = {0.0044, Name "size"}               // cell size far from hole and clamp [m]
  length = {0.200, Name "length"}            // [m]
  height = {0.040, Name "height"}            // [m]
  width = {0.020, Name "width"}              // [m]
  hole_diameter = {0.016, Name "hole_diameter"}  // [m]
  hole_x = {0.060, Name "hole_x"}            // distance of the hole's axis from the clamp [m]
  hole_fineness = {2.5, Name "hole_fineness"}    // how many times finer at the hole
  clamp_fineness = {2.0, Name "clamp_fineness"}  // how many times finer at the clamp
];

Box(1) = {0, 0, 0, length, height, width};
Cylinder(2) = {hole_x, height/2, 0, 0, 0, width, hole_diameter/2};
body() = BooleanDifference{ Volume{1}; Delete; }{ Volume{2}; Delete; };

e = 1e-6;
clamp() = Surface In BoundingBox{-e, -e, -e, e, height+e, width+e};
tip() = Surface In BoundingBox{length-e, -e, -e, length+e, height+e, width+e};
cold() = Surface In BoundingBox{-e, -e, -e, length+e, e, width+e};
hot() = Surface In BoundingBox{-e, height-e, -e, length+e, height+e, width+e};
r = hole_diameter/2 + e;
hole() = Surface In BoundingBox{hole_x-r, height/2-r, -e, hole_x+r, height/2+r, width+e};

Physical Volume("body") = {body()};
Physical Surface("clamp") = {clamp()};
Physical Surface("tip") = {tip()};
Physical Surface("hot") = {hot()};
Physical Surface("cold") = {cold()};
Physical Surface("hole") = {hole()};

// Cell size grows linearly with the distance from hole and clamp.
Field[1] = Distance;
Field[1].SurfacesList = {hole()};
Field[1].Sampling = 40;
Field[2] = Threshold;
Field[2].InField = 1;
Field[2].SizeMin = size/hole_fineness;
Field[2].SizeMax = size;
Field[2].DistMin = 0;
Field[2].DistMax = 2*hole_diameter;
Field[3] = Distance;
Field[3].SurfacesList = {clamp()};
Field[3].Sampling = 40;
Field[4] = Threshold;
Field[4].InField = 3;
Field[4].SizeMin = size/clamp_fineness;
Field[4].SizeMax = size;
Field[4].DistMin = 0;
Field[4].DistMax = height;
Field[5] = Min;
Field[5].FieldsList = {2, 4};
Background Field = 5;

Mesh.MeshSizeExtendFromBoundary = 0;
Mesh.MeshSizeFromPoints = 0;
Mesh.MeshSizeFromCurvature = 0;
Mesh.Optimize = 1;
