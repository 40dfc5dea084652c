// NAFEMS LE10: a quarter of a thick elliptic plate, 0.6 m thick, with an elliptic hole.
SetFactory("OpenCASCADE");
DefineConstant[ radial = {8, Name "radial"}, around = {10, Name "around"}, through = {4, Name "through"} ];
Point(1) = {2, 0, 0}; Point(2) = {3.25, 0, 0}; Point(3) = {0, 2.75, 0}; Point(4) = {0, 1, 0}; Point(5) = {0, 0, 0};
Line(1) = {1, 2};
Ellipse(2) = {2, 5, 2, 3};
Line(3) = {3, 4};
Ellipse(4) = {4, 5, 1, 1};
Curve Loop(1) = {1, 2, 3, 4};
Plane Surface(1) = {1};
Transfinite Curve {1} = radial + 1 Using Progression 1.2;
Transfinite Curve {-3} = radial + 1 Using Progression 1.2;
Transfinite Curve {-2} = around + 1 Using Progression 1.15;
Transfinite Curve {4} = around + 1 Using Progression 0.87;
Transfinite Surface {1};
Recombine Surface {1};
// Two layers, so that the edge half-way up the outer face is an edge of the mesh.
half[] = Extrude {0, 0, 0.3} { Surface{1}; Layers{through/2}; Recombine; };
top[] = Extrude {0, 0, 0.3} { Surface{half[0]}; Layers{through/2}; Recombine; };
e = 1e-6;
Physical Volume("plate") = {half[1], top[1]};
Physical Surface("top") = {top[0]};
Physical Surface("x_plane") = Surface In BoundingBox{-e, -e, -e, e, 3, 0.7};
Physical Surface("y_plane") = Surface In BoundingBox{-e, -e, -e, 4, e, 0.7};
Physical Surface("outer") = {half[3], top[3]};
// Half-way up, all curves but the two in the planes of symmetry and the one around the hole.
middle[] = Curve In BoundingBox{-e, -e, 0.3 - e, 4, 3, 0.3 + e};
middle[] -= Curve In BoundingBox{-e, -e, 0.3 - e, 4, e, 0.3 + e};
middle[] -= Curve In BoundingBox{-e, -e, 0.3 - e, e, 3, 0.3 + e};
middle[] -= Curve In BoundingBox{-e, -e, 0.3 - e, 2 + e, 1 + e, 0.3 + e};
Physical Curve("middle_edge") = {middle[]};
