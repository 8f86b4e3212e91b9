"""Stock clients: everything a Python program needs comes from the coordinator's own reflection. No generated code."""

import json
import queue
import sys

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

address, sweep_file, info = sys.argv[1:]
channel = grpc.insecure_channel(address)

database = ProtoReflectionDescriptorDatabase(channel)
services = set(database.get_services())
wanted = {f"tombola.v1.{name}Service" for name in ("Sweep", "Worker", "Artifact", "Query")}
assert wanted <= services, services
pool = DescriptorPool(database)


def method(service, name):
    """A callable for one method, made from its descriptor alone."""
    found = pool.FindServiceByName(f"tombola.v1.{service}Service").FindMethodByName(name)
    request = message_factory.GetMessageClass(found.input_type)
    answer = message_factory.GetMessageClass(found.output_type)
    kinds = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
        (True, True): channel.stream_stream,
    }
    kind = kinds[found.client_streaming, found.server_streaming]
    call = kind(
        f"/tombola.v1.{service}Service/{name}",
        request_serializer=request.SerializeToString,
        response_deserializer=answer.FromString,
    )
    return call, request


health = health_pb2_grpc.HealthStub(channel)
for service in sorted(wanted) + [""]:
    status = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status
    assert status == health_pb2.HealthCheckResponse.SERVING, (service, status)

submit, request = method("Sweep", "Submit")
stored = submit(request(file=sweep_file), timeout=10)
assert stored.created and stored.jobs_new == 12, stored

watch, request = method("Sweep", "Watch")
events = watch(request(sweep=stored.sweep.name), timeout=10)
first = next(events)
assert first.sweep.jobs.ready == 2 and not first.sweep.finished, first
events.cancel()

sweeps, request = method("Sweep", "List")
names = [sweep.name for sweep in sweeps(request(), timeout=10).sweeps]
assert names == ["tiny"], names

query, request = method("Query", "Query")
table = query(request(sql="select sweep, jobs from sweep_progress"), timeout=10)
assert list(table.columns) == ["sweep", "jobs"], table
assert json_format.MessageToDict(table.rows[0])["values"] == [{"text": "tiny"}, {"integer": "12"}], table
try:
    query(request(sql="delete from sweeps"), timeout=10)
    raise AssertionError("a change was let through")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error

session, message = method("Worker", "Session")
said = queue.Queue()
said.put(message(hello={"protocol": 1, "info_json": info}))
heard = session(iter(said.get, None), timeout=10)
welcome = next(heard)
assert welcome.WhichOneof("message") == "welcome" and welcome.welcome.worker.startswith("w1"), welcome
lease = next(heard)
assert lease.WhichOneof("message") == "lease", lease
job = lease.lease.stages[0].jobs[0]
assert json.loads(job.spec_json)["kind"] == "train", job
said.put(message(heartbeat={}))
said.put(message(leaving={}))
rest = {said.WhichOneof("message") for said in heard}
assert rest <= {"lease"}, rest
said.put(None)

print("ok")
