{# True when the day that an hour is in is over. #}
{% macro is_over(hour) -%}
    cast({{ hour }} as date) <= cast('{{ var("run_date") }}' as date)
{%- endmacro %}
