: "${BOOTSTRAP:?host:port of a broker}" "${ADMIN_CONFIG:?client properties of an administrator}"
# worker
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --group marginmon --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --group marginmon-broadcast --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --operation DescribeConfigs --topic margin.accounts --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.accounts.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --operation Write --operation DescribeConfigs --topic margin.call-cases --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.call-evidence --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --operation DescribeConfigs --topic margin.call-responses --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.call-responses.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.calls --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --operation DescribeConfigs --topic margin.collateral --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.collateral.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --operation DescribeConfigs --topic margin.instruments --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.instruments.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --operation Write --operation DescribeConfigs --topic margin.intraday-deficits --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --operation DescribeConfigs --topic margin.positions --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.positions.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --operation DescribeConfigs --topic margin.prices --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.prices.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.requirements --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --operation DescribeConfigs --topic margin.rulebooks --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.rulebooks.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Read --operation DescribeConfigs --topic margin.trades --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --operation DescribeConfigs --topic margin.trades.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-worker --operation Write --transactional-id marginmon-margin.calls- --resource-pattern-type prefixed
# web
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-web --operation Read --operation DescribeConfigs --topic margin.call-cases --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-web --operation Read --operation DescribeConfigs --topic margin.calls --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-web --operation Read --operation DescribeConfigs --topic margin.requirements --resource-pattern-type literal
# web-answers
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-web-answers --operation Read --operation DescribeConfigs --topic margin.call-cases --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-web-answers --operation Write --topic margin.call-responses --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-web-answers --operation Read --operation DescribeConfigs --topic margin.call-responses.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-web-answers --operation Read --operation DescribeConfigs --topic margin.calls --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-web-answers --operation Read --operation DescribeConfigs --topic margin.intraday-deficits --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-web-answers --operation Read --operation DescribeConfigs --topic margin.requirements --resource-pattern-type literal
# desk
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-desk --operation Read --operation DescribeConfigs --topic margin.call-cases --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-desk --operation Write --topic margin.call-responses --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-desk --operation Read --operation DescribeConfigs --topic margin.call-responses.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-desk --operation Read --operation DescribeConfigs --topic margin.calls --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-desk --operation Read --operation DescribeConfigs --topic margin.intraday-deficits --resource-pattern-type literal
# repair
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Write --topic margin.accounts --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Read --operation DescribeConfigs --topic margin.accounts.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Write --topic margin.call-responses --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Read --operation DescribeConfigs --topic margin.call-responses.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Write --topic margin.collateral --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Read --operation DescribeConfigs --topic margin.collateral.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Write --topic margin.instruments --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Read --operation DescribeConfigs --topic margin.instruments.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Write --topic margin.positions --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Read --operation DescribeConfigs --topic margin.positions.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Write --topic margin.prices --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Read --operation DescribeConfigs --topic margin.prices.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Write --topic margin.rulebooks --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Read --operation DescribeConfigs --topic margin.rulebooks.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Write --topic margin.trades --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-repair --operation Read --operation DescribeConfigs --topic margin.trades.dlq --resource-pattern-type literal
# administrator
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-administrator --operation Create --operation Describe --operation DescribeConfigs --topic margin. --resource-pattern-type prefixed
# reference-producer
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-reference-producer --operation Write --topic margin.accounts --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-reference-producer --operation Write --topic margin.instruments --resource-pattern-type literal
# rulebook-producer
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-rulebook-producer --operation Write --topic margin.rulebooks --resource-pattern-type literal
# activity-producer
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-activity-producer --operation Write --topic margin.collateral --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-activity-producer --operation Write --topic margin.positions --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-activity-producer --operation Write --topic margin.trades --resource-pattern-type literal
# price-producer
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-price-producer --operation Write --topic margin.prices --resource-pattern-type literal
# calls-consumer
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-calls-consumer --operation Read --topic margin.calls --resource-pattern-type literal
# simulator
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-simulator --operation Write --topic margin.accounts --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-simulator --operation Read --topic margin.calls --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-simulator --operation Write --topic margin.collateral --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-simulator --operation Write --topic margin.instruments --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-simulator --operation Write --topic margin.positions --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-simulator --operation Write --topic margin.prices --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-simulator --operation Write --topic margin.trades --resource-pattern-type literal
# replay
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Write --operation DescribeConfigs --topic margin.accounts --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.accounts.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.call-cases --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.call-evidence --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.call-responses --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.call-responses.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.calls --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Write --operation DescribeConfigs --topic margin.collateral --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.collateral.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Write --operation DescribeConfigs --topic margin.instruments --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.instruments.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.intraday-deficits --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Write --operation DescribeConfigs --topic margin.positions --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.positions.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Write --operation DescribeConfigs --topic margin.prices --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.prices.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.requirements --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.rulebooks --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.rulebooks.dlq --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Write --operation DescribeConfigs --topic margin.trades --resource-pattern-type literal
kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --allow-principal User:marginmon-replay --operation Describe --operation DescribeConfigs --topic margin.trades.dlq --resource-pattern-type literal
