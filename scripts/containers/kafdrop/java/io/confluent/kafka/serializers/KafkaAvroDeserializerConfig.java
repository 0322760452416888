package io.confluent.kafka.serializers;

/** Settings of the schema registry; see {@link NoSchemaRegistry}. */
public class KafkaAvroDeserializerConfig extends AbstractKafkaAvroSerDeConfig {
}
