"""A client in another language: confluent-kafka with its Avro serializers and a real schema registry.

    client.py BOOTSTRAP REGISTRY AVSC_DIRECTORY

Registers a user, makes projects and tickets, and then sends one ticket a project with the partitioner that librdkafka has
by default. Reads outcomes and events, and prints one JSON object: `sent` has for each command what it was and where it landed,
with its outcomes; `ticketEvents` and `userEvents` what was read from those topics. It judges nothing.
"""

import json
import pathlib
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

PROJECTS = 24
PATIENCE_S = 120

# As schemas/src/ids.rs has them.
NAMESPACE_PROJECT = uuid.UUID("2b1d0c1e-7a54-4d0e-9a3f-5e1c8d204b01")
NAMESPACE_USER = uuid.UUID("2b1d0c1e-7a54-4d0e-9a3f-5e1c8d204b02")

EMAIL = "ada@example.org"
ACTOR = uuid.uuid5(NAMESPACE_USER, EMAIL)


class Client:
    def __init__(self, bootstrap, registry, schemas):
        self.bootstrap = bootstrap
        self.registry = SchemaRegistryClient({"url": registry})
        self.schemas = schemas
        self.serializers = {}
        self.sent = {}
        # What Java's clients do by default; librdkafka has to be told.
        self.as_java = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
        self.as_librdkafka = Producer({"bootstrap.servers": bootstrap})

    def serializer(self, record):
        """Finds the schema that is registered for it; registers none."""
        if record not in self.serializers:
            schema = (self.schemas / "commands" / f"{record}.avsc").read_text()
            settings = {
                "auto.register.schemas": False,
                # Apicurio compares texts otherwise, and the serializer strips the file's last line break.
                "normalize.schemas": True,
                "subject.name.strategy": topic_record_subject_name_strategy,
            }
            self.serializers[record] = AvroSerializer(self.registry, schema, conf=settings)
        return self.serializers[record]

    def send(self, producer, topic, record, key, fields):
        command = uuid.uuid4()
        value = {
            "commandId": command,
            "actorId": ACTOR,
            "actorAdmin": False,
            "issuedAt": int(time.time() * 1000),
            "correlationId": command,
            **fields,
        }
        encoded = self.serializer(record)(value, SerializationContext(topic, MessageField.VALUE))

        def delivered(error, message):
            if error is not None:
                raise RuntimeError(f"{record} {key}: {error}")
            self.sent[str(command)] = {"record": record, "topic": topic, "key": key, "partition": message.partition()}

        producer.produce(topic, key=key.encode(), value=encoded, on_delivery=delivered)
        return str(command)

    def read(self, topic, done):
        """Every committed record of a topic, from its beginning, until `done` with what was read."""
        consumer = Consumer({
            "bootstrap.servers": self.bootstrap,
            "group.id": f"python-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        })
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        deserialize = AvroDeserializer(self.registry)
        records, end = [], time.monotonic() + PATIENCE_S
        while not done(records) and time.monotonic() < end:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise RuntimeError(f"{topic}: {message.error()}")
            value = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
            records.append({"key": message.key().decode(), "partition": message.partition(), "value": value})
        consumer.close()
        return records

    def wait_for_outcomes(self):
        """Adds to each command that was sent the outcome that its id has; none if there is none in time."""
        def done(records):
            return {record["key"] for record in records} >= set(self.sent)

        for record in self.read("command.outcomes", done):
            if record["key"] in self.sent:
                self.sent[record["key"]].setdefault("outcomes", []).append(record)


def main():
    bootstrap, registry, schemas = sys.argv[1:]
    client = Client(bootstrap, registry, pathlib.Path(schemas))
    client.send(
        client.as_java,
        "user.commands",
        "RegisterUser",
        EMAIL,
        {"userKey": EMAIL, "email": EMAIL, "name": "Ada", "admin": False},
    )
    projects = [f"PY{number}" for number in range(PROJECTS)]
    ids = {project: str(uuid.uuid5(NAMESPACE_PROJECT, project)) for project in projects}
    ticket = {"description": "", "labels": ["python"]}
    for project in projects:
        fields = {"projectId": ids[project], "key": project, "name": f"Project {project}", "description": ""}
        client.send(client.as_java, "ticket.commands", "CreateProject", ids[project], fields)
        for number in (1, 2):
            fields = {"projectId": ids[project], "title": f"Número {number} 🎫", **ticket}
            client.send(client.as_java, "ticket.commands", "CreateTicket", ids[project], fields)
    client.as_java.flush(PATIENCE_S)
    for project in projects:
        fields = {"projectId": ids[project], "title": "By the other partitioner", **ticket}
        client.send(client.as_librdkafka, "ticket.commands", "CreateTicket", ids[project], fields)
    client.as_librdkafka.flush(PATIENCE_S)
    client.wait_for_outcomes()

    def events(topic, commands):
        """Each command that was accepted has made one event at least."""
        accepted = {command for command, sent in client.sent.items() if sent["topic"] == commands and is_accepted(sent)}
        return client.read(topic, lambda records: {str(record["value"]["causationId"]) for record in records} >= accepted)

    played = {
        "sent": client.sent,
        "ticketEvents": events("ticket.events", "ticket.commands"),
        "userEvents": events("user.events", "user.commands"),
    }
    json.dump(played, sys.stdout, default=str)


def is_accepted(sent):
    """Only an acceptance says what the command made or touched, if only that it was no ticket."""
    return any("ticketId" in outcome["value"] for outcome in sent.get("outcomes", []))


if __name__ == "__main__":
    main()
