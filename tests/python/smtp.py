"""A mail server on a free port of 127.0.0.1, or the given one, on aiosmtpd: prints its port, then one JSON object for each mail that it
has taken.

A recipient whose name begins with "nobody" is refused for good; one whose name begins with "later" is put off the first time; of the
first mail to one whose name begins with "cut" the connection is cut after the final dot, when it has been taken; not by one that comes
back at a given port, as who fails again and again is left alone ever longer.
"""

import email
import email.policy
import json
import signal
import socket
import sys

from aiosmtpd.controller import Controller


class Handler:
    def __init__(self):
        self.put_off = set()
        self.cut = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 nobody of that name"
        if address.startswith("later") and address not in self.put_off:
            self.put_off.add(address)
            return "451 4.7.1 come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        bodies = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        headers = {name.lower(): str(value) for name, value in mail.items()}
        taken = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "headers": headers, "bodies": bodies}
        print(json.dumps(taken), flush=True)
        cut = {address for address in envelope.rcpt_tos if address.startswith("cut")} - self.cut
        if cut and len(sys.argv) == 1:
            self.cut |= cut
            server.transport.abort()
        return "250 taken"


with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0))
    port = probe.getsockname()[1]
controller = Controller(Handler(), hostname="127.0.0.1", port=port)
controller.start()
print(port, flush=True)
signal.sigwait({signal.SIGTERM, signal.SIGINT})
controller.stop()
