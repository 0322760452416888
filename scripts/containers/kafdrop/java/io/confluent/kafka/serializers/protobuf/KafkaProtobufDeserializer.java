package io.confluent.kafka.serializers.protobuf;

import io.confluent.kafka.serializers.NoSchemaRegistry;

/** See {@link NoSchemaRegistry}. */
public class KafkaProtobufDeserializer<T> extends NoSchemaRegistry {
  public Object deserialize(String topic, byte[] bytes) {
    throw refusal();
  }
}
