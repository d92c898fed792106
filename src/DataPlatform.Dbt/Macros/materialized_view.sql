{# SQL of materialized views, which PostgreSQL has. #}
{% macro get_create_materialized_view_as_sql(relation, sql) -%}
    {{ return(adapter.dispatch('get_create_materialized_view_as_sql', 'dbt')(relation, sql)) }}
{%- endmacro %}

{% macro default__get_create_materialized_view_as_sql(relation, sql) -%}
{{ _sql_header() }}create materialized view {{ relation }} as (
{{ sql }}
)
{%- endmacro %}

{% macro refresh_materialized_view(relation) -%}
    {{ return(adapter.dispatch('refresh_materialized_view', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__refresh_materialized_view(relation) -%}
refresh materialized view {{ relation }}
{%- endmacro %}

{% macro get_show_indexes_sql(relation) -%}
    {{ return(adapter.dispatch('get_show_indexes_sql', 'dbt')(relation)) }}
{%- endmacro %}

{% macro postgres__get_show_indexes_sql(relation) -%}
select own.relname as name, amname as method, indisunique as unique, string_agg(attname, ',') as column_names
from pg_index
join pg_class own on own.oid = indexrelid
join pg_am on pg_am.oid = own.relam
join pg_attribute on attrelid = indrelid and attnum = any(indkey)
where indrelid = '{{ relation.include(database=false) | replace("'", "''") }}'::regclass
group by 1, 2, 3
order by 1
{%- endmacro %}

{% macro get_materialized_view_configuration_changes(existing_relation, new_config) -%}
    {{ return(adapter.dispatch('get_materialized_view_configuration_changes', 'dbt')(existing_relation, new_config)) }}
{%- endmacro %}

{#- What differs is seen of indexes alone: of the query PostgreSQL does not keep what was written. -#}
{% macro default__get_materialized_view_configuration_changes(existing_relation, new_config) -%}
    {%- set there = {} -%}
    {%- for row in run_query(get_show_indexes_sql(existing_relation)) -%}
        {%- do there.update({_index_key(row.column_names.split(','), row.unique, row.method): row.name}) -%}
    {%- endfor -%}
    {%- set wanted = {} -%}
    {%- for index in new_config.get('indexes') or [] -%}
        {%- set parsed = adapter.parse_index(index) -%}
        {%- do wanted.update({_index_key(parsed.columns, parsed.unique, parsed.type or 'btree'): index}) -%}
    {%- endfor -%}
    {%- set changes = {'drop': [], 'create': []} -%}
    {%- for key, name in there.items() if key not in wanted -%}{%- do changes.drop.append(name) -%}{%- endfor -%}
    {%- for key, index in wanted.items() if key not in there -%}{%- do changes.create.append(index) -%}{%- endfor -%}
    {{ return(changes if changes.drop or changes.create else none) }}
{%- endmacro %}

{% macro _index_key(columns, unique, method) -%}
{{ columns | map('lower') | sort | join(',') }} {{ unique }} {{ method }}
{%- endmacro %}

{% macro get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation=none, intermediate_relation=none) -%}
    {{ return(adapter.dispatch('get_alter_materialized_view_as_sql', 'dbt')(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation)) }}
{%- endmacro %}

{% macro default__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
    {%- for name in configuration_changes.drop %}
drop index if exists {{ adapter.quote(relation.schema) }}.{{ adapter.quote(name) }};
    {%- endfor -%}
    {%- for index in configuration_changes.create %}
{{ get_create_index_sql(relation, index) }};
    {%- endfor -%}
{%- endmacro %}
