-- A day in one line, for dashboards.
select
    cast(started_hour as date) as day,
    cast(count(*) as integer) as trips,
    cast(sum(case when rider = 'member' then 1 else 0 end) as integer) as member_trips,
    cast(sum(seconds) as bigint) as seconds,
    cast(sum(fare) as decimal(12, 2)) as revenue
from staging.trips
group by cast(started_hour as date)
