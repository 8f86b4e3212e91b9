-- Rolling upgrades: builds that know at least the version `oldest` may work on a schema that is newer than they are.
alter table schema_version add column oldest bigint;
