"""Removes Confluent's artifacts from Kafdrop's pom.xml and selects the version of the Kafka client.

Usage: without-confluent.py POM KAFKA_VERSION
"""

import re
import sys

CONFLUENT_ARTIFACTS = 3
# Kafdrop needs these annotations, which it gets through Confluent's artifacts otherwise.
ANNOTATIONS = """<dependency>
  <groupId>org.jetbrains</groupId>
  <artifactId>annotations</artifactId>
  <version>13.0</version>
</dependency>"""

path, kafka_version = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    pom = file.read()
pom, removed = re.subn(r"<dependency>\s*<groupId>io\.confluent</groupId>.*?</dependency>", "", pom, flags=re.DOTALL)
if removed != CONFLUENT_ARTIFACTS:
    sys.exit(f"{path}: {removed} artifacts of Confluent instead of {CONFLUENT_ARTIFACTS}")
pom = re.sub(r"<repository>\s*<id>confluent</id>.*?</repository>", "", pom, flags=re.DOTALL)
pom = pom.replace("<dependencies>", f"<dependencies>{ANNOTATIONS}", 1)
# This property of the parent POM is the version of kafka-clients.
pom = pom.replace("<properties>", f"<properties><kafka.version>{kafka_version}</kafka.version>", 1)
with open(path, "w", encoding="utf-8") as file:
    file.write(pom)
