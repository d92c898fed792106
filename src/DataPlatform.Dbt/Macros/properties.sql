{# What a relation has besides its rows: comments, grants, indexes, and the columns and constraints of its contract. #}
{% macro persist_docs(relation, model, for_relation=true, for_columns=true) -%}
    {{ return(adapter.dispatch('persist_docs', 'dbt')(relation, model, for_relation, for_columns)) }}
{%- endmacro %}

{% macro default__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- if for_relation and config.persist_relation_docs() and model.description -%}
        {%- do run_query(alter_relation_comment(relation, model.description)) -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() -%}
        {%- set comments = alter_column_comment(relation, model.columns) | trim -%}
        {%- if comments -%}{%- do run_query(comments) -%}{%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro alter_relation_comment(relation, relation_comment) -%}
    {{ return(adapter.dispatch('alter_relation_comment', 'dbt')(relation, relation_comment)) }}
{%- endmacro %}

{% macro default__alter_relation_comment(relation, relation_comment) -%}
comment on {{ relation.type | replace('_', ' ') }} {{ relation }} is '{{ relation_comment | replace("'", "''") }}'
{%- endmacro %}

{% macro alter_column_comment(relation, column_dict) -%}
    {{ return(adapter.dispatch('alter_column_comment', 'dbt')(relation, column_dict)) }}
{%- endmacro %}

{% macro default__alter_column_comment(relation, column_dict) -%}
    {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- for name, column in column_dict.items() if name in existing and column.description %}
comment on column {{ relation }}.{{ adapter.quote(name) if column.quote else name }} is '{{ column.description | replace("'", "''") }}';
    {%- endfor -%}
{%- endmacro %}

{% macro apply_grants(relation, grant_config, should_revoke=true) -%}
    {{ return(adapter.dispatch('apply_grants', 'dbt')(relation, grant_config, should_revoke)) }}
{%- endmacro %}

{% macro default__apply_grants(relation, grant_config, should_revoke) -%}
    {%- if grant_config -%}
        {%- set wanted = {} -%}
        {%- for privilege, grantees in grant_config.items() -%}{%- do wanted.update({privilege | lower: [grantees] if grantees is string else grantees}) -%}{%- endfor -%}
        {%- set current = {} -%}
        {%- for row in run_query(get_show_grant_sql(relation)) if should_revoke -%}
            {%- do current.update({row.privilege_type: current.get(row.privilege_type, []) + [row.grantee]}) -%}
        {%- endfor -%}
        {%- for privilege, grantees in current.items() -%}
            {%- set unwanted = grantees | reject('in', wanted.get(privilege, [])) | list -%}
            {%- if unwanted -%}{%- do run_query(get_revoke_sql(relation, privilege, unwanted)) -%}{%- endif -%}
        {%- endfor -%}
        {%- for privilege, grantees in wanted.items() -%}
            {%- set missing = grantees | reject('in', current.get(privilege, [])) | list -%}
            {%- if missing -%}{%- do run_query(get_grant_sql(relation, privilege, missing)) -%}{%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__apply_grants(relation, grant_config, should_revoke) -%}
    {%- if grant_config -%}{%- do exceptions.warn('Grants for relations are not supported by DuckDB') -%}{%- endif -%}
{%- endmacro %}

{% macro get_show_grant_sql(relation) -%}
    {{ return(adapter.dispatch('get_show_grant_sql', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_show_grant_sql(relation) -%}
select grantee, lower(privilege_type) as privilege_type
from information_schema.role_table_grants
where grantor = current_role and grantee != current_role and table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
order by 2, 1
{%- endmacro %}

{% macro get_grant_sql(relation, privilege, grantees) -%}
    {{ return(adapter.dispatch('get_grant_sql', 'dbt')(relation, privilege, grantees)) }}
{%- endmacro %}

{% macro default__get_grant_sql(relation, privilege, grantees) -%}
grant {{ privilege }} on {{ relation }} to {{ grantees | join(', ') }}
{%- endmacro %}

{% macro get_revoke_sql(relation, privilege, grantees) -%}
    {{ return(adapter.dispatch('get_revoke_sql', 'dbt')(relation, privilege, grantees)) }}
{%- endmacro %}

{% macro default__get_revoke_sql(relation, privilege, grantees) -%}
revoke {{ privilege }} on {{ relation }} from {{ grantees | join(', ') }}
{%- endmacro %}

{% macro should_revoke(existing_relation, full_refresh_mode=true) -%}
    {{ return(existing_relation is not none) }}
{%- endmacro %}

{% macro create_indexes(relation) -%}
    {{ return(adapter.dispatch('create_indexes', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__create_indexes(relation) -%}
    {%- for index in config.get('indexes', []) -%}{%- do run_query(get_create_index_sql(relation, index)) -%}{%- endfor -%}
{%- endmacro %}

{% macro get_create_index_sql(relation, index_dict) -%}
    {{ return(adapter.dispatch('get_create_index_sql', 'dbt')(relation, index_dict)) }}
{%- endmacro %}

{% macro default__get_create_index_sql(relation, index_dict) -%}
    {%- set index = adapter.parse_index(index_dict) -%}
create {{ 'unique ' if index.unique }}index if not exists {{ adapter.quote(index.render(relation)) }} on {{ relation }} {{ 'using ' ~ index.type ~ ' ' if index.type and target.type == 'postgres' }}({{ index.columns | join(', ') }})
{%- endmacro %}

{% macro set_sql_header(config) -%}
    {{ config.set('sql_header', caller()) }}
{%- endmacro %}

{% macro get_table_columns_and_constraints() -%}
    {{ return(adapter.dispatch('get_table_columns_and_constraints', 'dbt')()) }}
{%- endmacro %}

{% macro default__get_table_columns_and_constraints() -%}
    {{ return(table_columns_and_constraints()) }}
{%- endmacro %}

{% macro table_columns_and_constraints() -%}
(
    {{ (adapter.render_raw_columns_constraints(raw_columns=model.columns) + adapter.render_raw_model_constraints(raw_constraints=model.constraints)) | join(',\n    ') }}
)
{%- endmacro %}

{% macro get_select_subquery(sql) -%}
    {{ return(adapter.dispatch('get_select_subquery', 'dbt')(sql)) }}
{%- endmacro %}

{% macro default__get_select_subquery(sql) -%}
select {{ get_contract_columns() }}
from (
{{ sql }}
) as model_subq
{%- endmacro %}

{% macro get_contract_columns() -%}
    {%- for name, column in model.columns.items() -%}{{ adapter.quote(name) if column.quote else name }}{{ ', ' if not loop.last }}{%- endfor -%}
{%- endmacro %}

{% macro get_assert_columns_equivalent(sql) -%}
    {{ return(adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql)) }}
{%- endmacro %}

{% macro default__get_assert_columns_equivalent(sql) -%}
    {{ return(assert_columns_equivalent(sql)) }}
{%- endmacro %}

{% macro assert_columns_equivalent(sql) -%}
    {%- set contract = adapter.get_column_schema_from_query(get_empty_schema_sql(model.columns)) -%}
    {%- set definition = adapter.get_column_schema_from_query(sql) -%}
    {%- set types = [{}, {}] -%}
    {%- for column in contract -%}{%- do types[0].update({column.name | lower: column.dtype}) -%}{%- endfor -%}
    {%- for column in definition -%}{%- do types[1].update({column.name | lower: column.dtype}) -%}{%- endfor -%}
    {%- if types[0] != types[1] or definition | length != contract | length -%}
        {%- do exceptions.raise_contract_error(contract, definition) -%}
    {%- endif -%}
{%- endmacro %}

{% macro get_empty_schema_sql(columns) -%}
    {{ return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) }}
{%- endmacro %}

{% macro default__get_empty_schema_sql(columns) -%}
select
    {% for name, column in columns.items() -%}
    cast(null as {{ column.data_type }}) as {{ adapter.quote(name) if column.quote else name }}{{ ', ' if not loop.last }}
    {% endfor -%}
where false
limit 0
{%- endmacro %}
