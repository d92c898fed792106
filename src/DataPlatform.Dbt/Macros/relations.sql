{# SQL that makes, names and looks at relations: for the materializations, and for macros that call it. Each with a default__ can be overridden by a variant for a database. #}
{% macro get_create_view_as_sql(relation, sql) -%}
    {{ return(adapter.dispatch('get_create_view_as_sql', 'dbt')(relation, sql)) }}
{%- endmacro %}

{% macro default__get_create_view_as_sql(relation, sql) -%}
    {{ return(create_view_as(relation, sql)) }}
{%- endmacro %}

{% macro create_view_as(relation, sql) -%}
    {{ return(adapter.dispatch('create_view_as', 'dbt')(relation, sql)) }}
{%- endmacro %}

{% macro default__create_view_as(relation, sql) -%}
    {%- if config.get('contract', {}).enforced -%}{{ get_assert_columns_equivalent(sql) }}{%- endif -%}
{{ _sql_header() }}create view {{ relation }} as (
{{ sql }}
)
{%- endmacro %}

{% macro get_create_table_as_sql(temporary, relation, sql) -%}
    {{ return(adapter.dispatch('get_create_table_as_sql', 'dbt')(temporary, relation, sql)) }}
{%- endmacro %}

{% macro default__get_create_table_as_sql(temporary, relation, sql) -%}
    {{ return(create_table_as(temporary, relation, sql)) }}
{%- endmacro %}

{% macro create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- if language != 'sql' -%}
        {{ exceptions.raise_compiler_error("create_table_as() makes tables of SQL, not of " ~ language ~ ".") }}
    {%- endif -%}
    {{ return(adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code)) }}
{%- endmacro %}

{% macro default__create_table_as(temporary, relation, sql) -%}
    {#- What is temporary is written into a table that has the constraints. -#}
    {%- set contract = config.get('contract', {}).enforced and not temporary -%}
    {%- if contract -%}{{ get_assert_columns_equivalent(sql) }}{%- endif -%}
{{ _sql_header() }}create {{ 'temporary ' if temporary else 'unlogged ' if config.get('unlogged') and target.type == 'postgres' }}table {{ relation.include(database=not temporary, schema=not temporary) }} {% if contract -%}
{{ get_table_columns_and_constraints() }};
insert into {{ relation }} ({{ get_contract_columns() }})
{{ get_select_subquery(sql) }}
{%- else -%}
as (
{{ sql }}
)
{%- endif %}
{%- endmacro %}

{% macro _sql_header() -%}
    {%- set header = (config.get('sql_header') or '') | trim -%}
    {%- if header %}{{ header }}{{ ';' if not header.endswith(';') }}
{% endif -%}
{%- endmacro %}

{% macro get_create_sql(relation, sql) -%}
    {{ return(adapter.dispatch('get_create_sql', 'dbt')(relation, sql)) }}
{%- endmacro %}

{% macro default__get_create_sql(relation, sql) -%}
    {{ return(get_create_view_as_sql(relation, sql) if relation.is_view else get_create_table_as_sql(false, relation, sql)) }}
{%- endmacro %}

{% macro get_drop_sql(relation) -%}
    {{ return(adapter.dispatch('get_drop_sql', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_drop_sql(relation) -%}
drop {{ (relation.type or 'table') | replace('_', ' ') }} if exists {{ relation }} cascade
{%- endmacro %}

{% macro drop_table(relation) -%}
    {{ return(get_drop_sql(relation.incorporate(type='table'))) }}
{%- endmacro %}

{% macro drop_view(relation) -%}
    {{ return(get_drop_sql(relation.incorporate(type='view'))) }}
{%- endmacro %}

{% macro get_rename_sql(relation, new_name) -%}
    {{ return(adapter.dispatch('get_rename_sql', 'dbt')(relation, new_name)) }}
{%- endmacro %}

{% macro default__get_rename_sql(relation, new_name) -%}
alter {{ 'view' if relation.is_view else 'table' }} {{ relation }} rename to {{ adapter.quote(new_name) }}
{%- endmacro %}

{% macro drop_relation(relation) -%}
    {% do adapter.drop_relation(relation) %}
{%- endmacro %}

{% macro drop_relation_if_exists(relation) -%}
    {% if relation is not none %}{% do adapter.drop_relation(relation) %}{% endif %}
{%- endmacro %}

{% macro rename_relation(from_relation, to_relation) -%}
    {% do adapter.rename_relation(from_relation, to_relation) %}
{%- endmacro %}

{% macro truncate_relation(relation) -%}
    {% do adapter.truncate_relation(relation) %}
{%- endmacro %}

{% macro create_schema(relation) -%}
    {% do adapter.create_schema(relation) %}
{%- endmacro %}

{% macro drop_schema(relation) -%}
    {% do adapter.drop_schema(relation) %}
{%- endmacro %}

{% macro make_intermediate_relation(base_relation, suffix='__dbt_tmp') -%}
    {{ return(adapter.dispatch('make_intermediate_relation', 'dbt')(base_relation, suffix)) }}
{%- endmacro %}

{% macro default__make_intermediate_relation(base_relation, suffix) -%}
    {{ return(base_relation.incorporate(path={'identifier': _suffixed(base_relation.identifier, suffix)})) }}
{%- endmacro %}

{% macro make_backup_relation(base_relation, backup_relation_type, suffix='__dbt_backup') -%}
    {{ return(adapter.dispatch('make_backup_relation', 'dbt')(base_relation, backup_relation_type, suffix)) }}
{%- endmacro %}

{% macro default__make_backup_relation(base_relation, backup_relation_type, suffix) -%}
    {{ return(base_relation.incorporate(path={'identifier': _suffixed(base_relation.identifier, suffix)}, type=backup_relation_type)) }}
{%- endmacro %}

{% macro make_temp_relation(base_relation, suffix='__dbt_tmp') -%}
    {{ return(adapter.dispatch('make_temp_relation', 'dbt')(base_relation, suffix)) }}
{%- endmacro %}

{% macro default__make_temp_relation(base_relation, suffix) -%}
    {#- Temporary tables are in no schema that has a name, and more than one may be made of a model. -#}
    {{ return(base_relation.incorporate(path={'identifier': _suffixed(base_relation.identifier, suffix ~ py_current_timestring()), 'schema': none, 'database': none}, type='table')) }}
{%- endmacro %}

{% macro _suffixed(name, suffix) -%}
    {#- PostgreSQL cuts names off behind 63 bytes, which would take the suffix away. -#}
    {{ return(name[:63 - suffix | length] ~ suffix) }}
{%- endmacro %}

{% macro get_or_create_relation(database, schema, identifier, type) -%}
    {%- set existing = adapter.get_relation(database=database, schema=schema, identifier=identifier) -%}
    {{ return([existing is not none, existing or api.Relation.create(database=database, schema=schema, identifier=identifier, type=type)]) }}
{%- endmacro %}

{% macro information_schema_name(database) -%}
    {{ return(adapter.dispatch('information_schema_name', 'dbt')(database)) }}
{%- endmacro %}

{% macro default__information_schema_name(database) -%}
    {{ adapter.quote(database) ~ '.information_schema' if database else 'information_schema' }}
{%- endmacro %}

{% macro postgres__information_schema_name(database) -%}
    information_schema
{%- endmacro %}

{% macro list_schemas(database) -%}
    {{ return(run_query("select distinct schema_name from information_schema.schemata where lower(catalog_name) = lower('" ~ database ~ "') order by 1")) }}
{%- endmacro %}

{% macro check_schema_exists(information_schema, schema) -%}
    {{ return(run_query("select count(*) from information_schema.schemata where lower(catalog_name) = lower('" ~ information_schema.database ~ "') and schema_name = '" ~ schema ~ "'")) }}
{%- endmacro %}

{% macro get_columns_in_relation(relation) -%}
    {{ return(adapter.get_columns_in_relation(relation)) }}
{%- endmacro %}

{% macro sql_convert_columns_in_relation(table) -%}
    {%- set columns = [] -%}
    {%- for row in table -%}{%- do columns.append(api.Column(*row)) -%}{%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{% macro get_list_of_column_names(columns) -%}
    {{ return(columns | map(attribute='name') | list) }}
{%- endmacro %}

{% macro get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
    {{ return(adapter.dispatch('get_empty_subquery_sql', 'dbt')(select_sql, select_sql_header)) }}
{%- endmacro %}

{% macro default__get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
{{ select_sql_header or '' }}
select * from (
{{ select_sql }}
) as __dbt_sbq
where false
limit 0
{%- endmacro %}

{% macro get_columns_in_query(select_sql) -%}
    {{ return(adapter.dispatch('get_columns_in_query', 'dbt')(select_sql)) }}
{%- endmacro %}

{% macro default__get_columns_in_query(select_sql) -%}
    {%- set result = run_query(get_empty_subquery_sql(select_sql)) -%}
    {{ return(result.column_names | list if result is not none else []) }}
{%- endmacro %}

{% macro get_column_schema_from_query(select_sql, select_sql_header=none) -%}
    {{ return(adapter.get_column_schema_from_query(get_empty_subquery_sql(select_sql, select_sql_header))) }}
{%- endmacro %}

{% macro get_limit_subquery_sql(sql, limit) -%}
    {{ return(adapter.dispatch('get_limit_subquery_sql', 'dbt')(sql, limit)) }}
{%- endmacro %}

{% macro default__get_limit_subquery_sql(sql, limit) -%}
select *
from (
{{ sql }}
) as model_limit_subq
limit {{ limit }}
{%- endmacro %}

{% macro get_show_sql(compiled_code, sql_header, limit) -%}
    {%- if sql_header %}{{ sql_header }}
{% endif -%}
    {{ compiled_code if limit is none else get_limit_subquery_sql(compiled_code, limit) }}
{%- endmacro %}

{% macro alter_column_type(relation, column_name, new_column_type) -%}
    {{ return(adapter.dispatch('alter_column_type', 'dbt')(relation, column_name, new_column_type)) }}
{%- endmacro %}

{% macro default__alter_column_type(relation, column_name, new_column_type) -%}
    {%- set column = adapter.quote(column_name) -%}
    {% do run_query('alter table ' ~ relation ~ ' alter column ' ~ column ~ ' type ' ~ new_column_type ~ ' using ' ~ column ~ '::' ~ new_column_type) %}
{%- endmacro %}

{% macro duckdb__alter_column_type(relation, column_name, new_column_type) -%}
    {% do run_query('alter table ' ~ relation ~ ' alter column ' ~ adapter.quote(column_name) ~ ' type ' ~ new_column_type) %}
{%- endmacro %}

{% macro alter_relation_add_remove_columns(relation, add_columns=none, remove_columns=none) -%}
    {{ return(adapter.dispatch('alter_relation_add_remove_columns', 'dbt')(relation, add_columns, remove_columns)) }}
{%- endmacro %}

{% macro default__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
    {%- for column in add_columns or [] -%}
        {% do run_query('alter table ' ~ relation ~ ' add column ' ~ column.quoted ~ ' ' ~ column.data_type) %}
    {%- endfor -%}
    {%- for column in remove_columns or [] -%}
        {% do run_query('alter table ' ~ relation ~ ' drop column ' ~ column.quoted ~ (' cascade' if target.type == 'postgres' else '')) %}
    {%- endfor -%}
{%- endmacro %}

{% macro convert_datetime(date_str, date_fmt) -%}
    {{ return(modules.datetime.datetime.strptime(date_str | string | trim, date_fmt)) }}
{%- endmacro %}

{% macro dates_in_range(start_date_str, end_date_str=none, in_fmt='%Y%m%d', out_fmt='%Y%m%d') -%}
    {%- set first = convert_datetime(start_date_str, in_fmt) -%}
    {%- set days = (convert_datetime(end_date_str or start_date_str, in_fmt) - first).days -%}
    {%- if days < 0 -%}
        {{ exceptions.raise_compiler_error('Partition start date is after the end date (' ~ start_date_str ~ ', ' ~ end_date_str ~ ')') }}
    {%- endif -%}
    {%- set dates = [] -%}
    {%- for day in range(days + 1) -%}
        {%- set date = first + modules.datetime.timedelta(days=day) -%}
        {%- do dates.append(date.strftime(out_fmt) if out_fmt else date) -%}
    {%- endfor -%}
    {{ return(dates) }}
{%- endmacro %}

{% macro partition_range(raw_partition_date, date_fmt='%Y%m%d') -%}
    {%- set parts = (raw_partition_date | string).split(',') -%}
    {%- if parts | length > 2 -%}
        {{ exceptions.raise_compiler_error('Invalid partition time. Expected format: {Start Date}[,{End Date}]. Got: ' ~ raw_partition_date) }}
    {%- endif -%}
    {{ return(dates_in_range(parts | first, parts[1] if parts | length == 2 else none, in_fmt=date_fmt)) }}
{%- endmacro %}

{% macro py_current_timestring() -%}
    {{ return(modules.datetime.datetime.now().strftime('%Y%m%d%H%M%S%f')) }}
{%- endmacro %}

{% macro make_hook_config(sql, inside_transaction) -%}
    {{ tojson({'sql': sql, 'transaction': inside_transaction}) }}
{%- endmacro %}

{% macro before_begin(sql) -%}
    {{ make_hook_config(sql, inside_transaction=false) }}
{%- endmacro %}

{% macro in_transaction(sql) -%}
    {{ make_hook_config(sql, inside_transaction=true) }}
{%- endmacro %}

{% macro after_commit(sql) -%}
    {{ make_hook_config(sql, inside_transaction=false) }}
{%- endmacro %}

{% macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) -%}
    {#- What it is called around is shown in place of SQL that ran. -#}
    {%- do write(caller()) if caller -%}
    {%- do store_raw_result(name, message=message, code=code, rows_affected=rows_affected, agate_table=res) -%}
{%- endmacro %}
