"""Plays the interop cases with Python's gRPC against a server of another implementation.

Takes settings as JSON from stdin: the address, and for mutual TLS the papers and the host name to expect of the certificate. Tells the outcome of
each case in a line of JSON: its name, and its problem, which is empty where there is none.
"""

import json
import queue
import sys
import traceback

import grpc

messages, services = grpc.protos_and_services("interop.proto")

REQUEST_SIZES = (27182, 8, 1828, 45904)
RESPONSE_SIZES = (31415, 9, 2653, 58979)
# Of a call that would hang: no case takes a tenth of it.
PATIENCE_S = 20


def zeros(size):
    return messages.Payload(body=bytes(size))


def large_request():
    return messages.SimpleRequest(response_size=314159, payload=zeros(271828))


def ping(turn):
    sizes = [messages.ResponseParameters(size=RESPONSE_SIZES[turn])]
    return messages.StreamingOutputCallRequest(response_parameters=sizes, payload=zeros(REQUEST_SIZES[turn]))


def equal(found, expected):
    if found != expected:
        raise AssertionError(f"expected {expected!r:.200}, found {found!r:.200}")


def error_of(call):
    """The error by which a call ends; `call` makes it and reads its answers."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call was answered")


def sizes_of(responses):
    return [len(response.payload.body) for response in responses]


class Turns:
    """Requests of a stream that are written one by one."""

    def __init__(self):
        self._requests = queue.SimpleQueue()

    def write(self, request):
        self._requests.put(request)

    def end(self):
        self._requests.put(None)

    def __iter__(self):
        return iter(self._requests.get, None)


def empty_unary(stub):
    equal(stub.EmptyCall(messages.Empty(), timeout=PATIENCE_S), messages.Empty())


def large_unary(stub):
    response = stub.UnaryCall(large_request(), timeout=PATIENCE_S)
    equal(response.payload.body, bytes(314159))


def client_streaming(stub):
    requests = (messages.StreamingInputCallRequest(payload=zeros(size)) for size in REQUEST_SIZES)
    equal(stub.StreamingInputCall(requests, timeout=PATIENCE_S).aggregated_payload_size, 74922)


def server_streaming(stub):
    sizes = [messages.ResponseParameters(size=size) for size in RESPONSE_SIZES]
    responses = stub.StreamingOutputCall(messages.StreamingOutputCallRequest(response_parameters=sizes), timeout=PATIENCE_S)
    equal(sizes_of(responses), list(RESPONSE_SIZES))


def ping_pong(stub):
    requests = Turns()
    responses = stub.FullDuplexCall(iter(requests), timeout=PATIENCE_S)
    sizes = []
    for turn in range(len(REQUEST_SIZES)):
        requests.write(ping(turn))
        sizes += sizes_of([next(responses)])
    requests.end()
    sizes += sizes_of(responses)
    equal(sizes, list(RESPONSE_SIZES))


def empty_stream(stub):
    equal(list(stub.FullDuplexCall(iter(()), timeout=PATIENCE_S)), [])


def cancel_after_begin(stub):
    requests = Turns()
    call = stub.StreamingInputCall.future(iter(requests), timeout=PATIENCE_S)
    call.cancel()
    requests.end()
    equal([call.cancelled(), call.code()], [True, grpc.StatusCode.CANCELLED])


def cancel_after_first_response(stub):
    requests = Turns()
    call = stub.FullDuplexCall(iter(requests), timeout=PATIENCE_S)
    requests.write(ping(0))
    equal(sizes_of([next(call)]), [RESPONSE_SIZES[0]])
    call.cancel()
    requests.end()
    equal(error_of(lambda: next(call)).code(), grpc.StatusCode.CANCELLED)


def timeout_on_sleeping_server(stub):
    requests = Turns()
    requests.write(messages.StreamingOutputCallRequest(payload=zeros(REQUEST_SIZES[0])))
    call = stub.FullDuplexCall(iter(requests), timeout=0.001)
    equal(error_of(lambda: next(call)).code(), grpc.StatusCode.DEADLINE_EXCEEDED)
    requests.end()


def custom_metadata(stub):
    initial = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
    trailing = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
    saying = {"metadata": (initial, trailing), "timeout": PATIENCE_S}
    large = large_request()
    sizes = [messages.ResponseParameters(size=large.response_size)]
    request = messages.StreamingOutputCallRequest(response_parameters=sizes, payload=large.payload)
    response, unary = stub.UnaryCall.with_call(large, **saying)
    duplex = stub.FullDuplexCall(iter([request]), **saying)
    equal(sizes_of([response, *duplex]), [large.response_size] * 2)
    for call in (unary, duplex):
        equal(initial in [tuple(entry) for entry in call.initial_metadata()], True)
        equal(trailing in [tuple(entry) for entry in call.trailing_metadata()], True)


def ends_with(stub, message):
    """Both kinds of call end as they were asked to."""
    status = messages.EchoStatus(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
    unary = error_of(lambda: stub.UnaryCall(messages.SimpleRequest(response_status=status), timeout=PATIENCE_S))
    requests = [messages.StreamingOutputCallRequest(response_status=status)]
    duplex = error_of(lambda: list(stub.FullDuplexCall(iter(requests), timeout=PATIENCE_S)))
    for error in (unary, duplex):
        equal([error.code(), error.details()], [grpc.StatusCode.UNKNOWN, message])


def status_code_and_message(stub):
    ends_with(stub, "test status message")


def special_status_message(stub):
    ends_with(stub, "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n")


def unimplemented_method(stub):
    error = error_of(lambda: stub.UnimplementedCall(messages.Empty(), timeout=PATIENCE_S))
    equal(error.code(), grpc.StatusCode.UNIMPLEMENTED)


def unimplemented_service(_, channel):
    unserved = services.UnimplementedServiceStub(channel)
    error = error_of(lambda: unserved.UnimplementedCall(messages.Empty(), timeout=PATIENCE_S))
    equal(error.code(), grpc.StatusCode.UNIMPLEMENTED)


CASES = [
    empty_unary,
    large_unary,
    client_streaming,
    server_streaming,
    ping_pong,
    empty_stream,
    cancel_after_begin,
    cancel_after_first_response,
    timeout_on_sleeping_server,
    custom_metadata,
    status_code_and_message,
    special_status_message,
    unimplemented_method,
    unimplemented_service,
]


def problem_of(case, channel):
    stub = services.TestServiceStub(channel)
    try:
        case(stub, channel) if case is unimplemented_service else case(stub)
        return ""
    except Exception:
        return traceback.format_exc()


def channel_of(address, papers, host):
    if papers is None:
        return grpc.insecure_channel(address)
    roots, key, certificate = (papers[name].encode() for name in ("roots", "key", "certificate"))
    credentials = grpc.ssl_channel_credentials(roots, key, certificate)
    return grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", host)])


def main():
    with channel_of(**json.load(sys.stdin)) as channel:
        for case in CASES:
            print(json.dumps({"name": case.__name__, "problem": problem_of(case, channel)}), flush=True)


main()
