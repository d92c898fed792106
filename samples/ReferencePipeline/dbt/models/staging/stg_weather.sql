select
    hour,
    cast(extract(hour from hour) as integer) as hour_of_day,
    cast(extract(isodow from hour) as integer) as day_of_week,
    temperature_c,
    precipitation_mm,
    wind_kph
from {{ source('raw', 'weather') }}
