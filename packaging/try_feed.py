"""Feeds tdcd for packaging/try: try_feed.py direct|postfix PORT DIRECTORY"""

import pathlib
import smtplib
import sys

MESSAGES = 20


def main(how, port, directory):
    relay = None
    if how == "postfix":
        from rig.postfix import Postfix, always_bcc
        relay = Postfix(pathlib.Path(directory) / "postfix", *always_bcc(port)).start()
        port = relay.port
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            for i in range(MESSAGES):
                text = f"line {i}: Grüße\r\n" * (1 + 50 * i)
                client.sendmail("alice@outside.example", ["bob@inside.example"], (
                    f"From: alice@outside.example\r\nTo: bob@inside.example\r\nSubject: try {i}\r\n"
                    f"Message-ID: <try.{i}@outside.example>\r\nMIME-Version: 1.0\r\n"
                    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text).encode(),
                    mail_options=["BODY=8BITMIME"])
        print(f"{MESSAGES} messages accepted by {'Postfix' if relay else 'tdcd'}")
        if relay:
            relay.wait_drained(60)
            print("Postfix has handed every copy to tdcd")
    finally:
        if relay:
            relay.stop()


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
