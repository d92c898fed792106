-- Each station in each hour that the weather is known of, tomorrow's included.
select
    station.station_id,
    weather.hour,
    weather.hour_of_day,
    weather.day_of_week,
    weekday.kind as kind_of_day,
    weather.temperature_c,
    weather.precipitation_mm,
    weather.wind_kph
from {{ ref('stg_weather') }} as weather
join {{ ref('weekdays') }} as weekday on weekday.day_of_week = weather.day_of_week
cross join {{ ref('stg_stations') }} as station
