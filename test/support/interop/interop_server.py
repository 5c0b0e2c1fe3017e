"""Serves the interop cases with Python's gRPC, for callers of other implementations.

Takes settings as a line of JSON from stdin: the papers for mutual TLS, or null. Tells its port in a line of JSON. When stdin ends it lets go of
all calls, and tells how many of them had not come to their end by then.
"""

import concurrent.futures
import json
import sys
import threading

import grpc

messages, services = grpc.protos_and_services("interop.proto")

STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


class TestService(services.TestServiceServicer):
    def __init__(self):
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._under_way = 0

    def wait_until_idle(self, seconds):
        """How many calls are under way when none is any more, or when the time is over."""
        with self._ended:
            self._ended.wait_for(lambda: self._under_way == 0, seconds)
            return self._under_way

    def EmptyCall(self, request, context):
        self._begun(context)
        return messages.Empty()

    def UnaryCall(self, request, context):
        self._begun(context)
        end_if_asked(request, context)
        return messages.SimpleResponse(payload=zeros(request.response_size))

    def StreamingInputCall(self, request_iterator, context):
        self._begun(context)
        size = sum(len(request.payload.body) for request in request_iterator)
        return messages.StreamingInputCallResponse(aggregated_payload_size=size)

    def StreamingOutputCall(self, request, context):
        self._begun(context)
        yield from answers(request)

    def FullDuplexCall(self, request_iterator, context):
        self._begun(context)
        for request in request_iterator:
            end_if_asked(request, context)
            yield from answers(request)

    def _begun(self, context):
        with self._lock:
            self._under_way += 1
        if not context.add_callback(self._done):
            self._done()
        echo(context)

    def _done(self):
        with self._ended:
            self._under_way -= 1
            self._ended.notify_all()


def zeros(size):
    return messages.Payload(body=bytes(size))


def answers(request):
    for parameters in request.response_parameters:
        yield messages.StreamingOutputCallResponse(payload=zeros(parameters.size))


def echo(context):
    said = context.invocation_metadata()
    initial = [tuple(entry) for entry in said if entry.key == "x-grpc-test-echo-initial"]
    trailing = [tuple(entry) for entry in said if entry.key == "x-grpc-test-echo-trailing-bin"]
    if initial:
        context.send_initial_metadata(initial)
    if trailing:
        context.set_trailing_metadata(trailing)


def end_if_asked(request, context):
    if request.HasField("response_status"):
        status = request.response_status
        context.abort(STATUS_CODES[status.code], status.message)


def bind(server, papers):
    if papers is None:
        return server.add_insecure_port("127.0.0.1:0")
    roots, key, certificate = (papers[name].encode() for name in ("roots", "key", "certificate"))
    credentials = grpc.ssl_server_credentials([(key, certificate)], roots, require_client_auth=True)
    return server.add_secure_port("127.0.0.1:0", credentials)


def main():
    settings = json.loads(sys.stdin.readline())
    service = TestService()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor())
    services.add_TestServiceServicer_to_server(service, server)
    port = bind(server, settings["papers"])
    server.start()
    print(json.dumps({"port": port}), flush=True)
    sys.stdin.read()
    print(json.dumps({"underWay": service.wait_until_idle(seconds=10)}), flush=True)
    server.stop(grace=None).wait()


main()
