/** gRPC services in a test mesh. */
export {}
