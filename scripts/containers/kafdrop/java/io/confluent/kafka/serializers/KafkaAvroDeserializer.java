package io.confluent.kafka.serializers;

/** See {@link NoSchemaRegistry}. */
public class KafkaAvroDeserializer extends NoSchemaRegistry {
  public Object deserialize(String topic, byte[] bytes) {
    throw refusal();
  }
}
