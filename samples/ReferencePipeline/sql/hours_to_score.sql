-- Tomorrow, and the week before it again, so that the forecast can be held against what came.
select * from marts.demand_features
where cast(hour as date) > cast(@run_date as date) - 7
order by hour, station_id
