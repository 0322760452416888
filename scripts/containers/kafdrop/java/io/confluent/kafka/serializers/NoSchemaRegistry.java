package io.confluent.kafka.serializers;

import java.util.Map;

/**
 * Replaces Confluent's classes, which are not on Maven Central, so that Kafdrop compiles. Messages in JSON do not use them;
 * messages with a schema registry are refused.
 */
public class NoSchemaRegistry {
  public void configure(Map<String, ?> settings, boolean isKey) {
    throw refusal();
  }

  protected static UnsupportedOperationException refusal() {
    return new UnsupportedOperationException("this Kafdrop was built without a client of the schema registry");
  }
}
