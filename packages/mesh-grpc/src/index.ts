/** The face of mesh-grpc: a meshed channel for clients, and a server that is a member of the mesh. */
export {}
