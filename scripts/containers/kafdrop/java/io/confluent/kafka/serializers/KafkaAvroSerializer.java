package io.confluent.kafka.serializers;

/** See {@link NoSchemaRegistry}. */
public class KafkaAvroSerializer extends NoSchemaRegistry {
  public byte[] serialize(String topic, Object value) {
    throw refusal();
  }
}
