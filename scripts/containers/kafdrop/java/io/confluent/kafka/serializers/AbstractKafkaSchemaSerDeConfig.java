package io.confluent.kafka.serializers;

/** Settings of the schema registry; see {@link NoSchemaRegistry}. */
public class AbstractKafkaSchemaSerDeConfig {
  public static final String SCHEMA_REGISTRY_URL_CONFIG = "schema.registry.url";
  public static final String BASIC_AUTH_CREDENTIALS_SOURCE = "basic.auth.credentials.source";
  public static final String USER_INFO_CONFIG = "basic.auth.user.info";
}
