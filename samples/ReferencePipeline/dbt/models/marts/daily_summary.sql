-- A day in one line, for dashboards.
{{ config(materialized='view') }}

select
    cast(hour as date) as day,
    cast(count(*) as integer) as trips,
    cast(sum(case when by_member then 1 else 0 end) as integer) as member_trips,
    cast(sum(seconds) as bigint) as seconds,
    cast(sum(fare) as decimal(12, 2)) as revenue
from {{ ref('stg_trips') }}
group by cast(hour as date)
