namespace DataPlatform.Dbt.Engine;

/// <summary>What macros of packages do with the objects that dbt gives them.</summary>
public sealed class PackageObjectTests
{
    [Theory]
    [InlineData("{{ this is mapping }} {{ this.get('metadata', {}).get('type', '').endswith('Relation') }} {{ 'a' is mapping }}", "True True False")]
    [InlineData("{{ modules.re.sub('(?P<first>a)(?P<last>b)', '\\\\g<last>\\\\1$', 'ab-ab') }}", "ba$-ba$")]
    [InlineData("{{ modules.re.search('B', 'abc', modules.re.IGNORECASE).span() }} {{ modules.re.compile('(?P<y>[0-9]+)-').match('2026-07').groupdict() }}", "(1, 2) {'y': '2026'}")]
    [InlineData("{{ modules.re.split('-', 'a-b-c', 1) }} {{ modules.re.match('a|ab', 'abc').end() }} {{ modules.re.fullmatch('a|ab', 'ab').end() }}", "['a', 'b-c'] 1 2")]
    [InlineData("{{ api.Column('a', 'int').mode is undefined }} {{ api.Column('a', 'int').char_size is none }}", "True True")]
    [InlineData("{{ api.Column('s', 'STRUCT(a INTEGER, \"b c\" STRUCT(d DECIMAL(18,3)))').flatten() | map(attribute='name') | join(' ') }}", "s.a s.b c.d")]
    [InlineData("{% set s = api.Column('s', 'STRUCT(a INTEGER, d DECIMAL(18,3))') %}{{ s.is_struct() }} {{ s.fields | map(attribute='dtype') | join(' ') }}", "True INTEGER DECIMAL(18,3)")]
    [InlineData("{% set d = modules.datetime.date(2024, 2, 28) + modules.datetime.timedelta(days=2) %}{{ d }} {{ (d - modules.datetime.date(2024, 1, 1)).days }} {{ d > modules.datetime.date(2024, 1, 1) }} {{ d.replace(day=9) }}", "2024-03-01 60 True 2024-03-09")]
    [InlineData("{% set t = modules.datetime.datetime(2024, 1, 31, 23, 59, 58, 7) %}{{ t.replace(minute=0, microsecond=0) }} {{ t - modules.datetime.timedelta(hours=24.5) }} {{ t.strftime('%j %-d %F %V') }}", "2024-01-31 23:00:58 2024-01-30 23:29:58.000007 031 31 2024-01-31 05")]
    [InlineData("{{ modules.datetime.timedelta(days=1, hours=-30) }} {{ modules.datetime.timedelta(weeks=1).total_seconds() }} {{ -modules.datetime.timedelta(minutes=1) }}", "-1 day, 18:00:00 604800.0 -1 day, 23:59:00")]
    [InlineData("{% set z = modules.pytz.timezone('America/Los_Angeles') %}{{ modules.datetime.datetime(1997, 9, 29, 6, 14, 0, tzinfo=z) }} {{ z.localize(modules.datetime.datetime(1997, 9, 29)) }}", "1997-09-29 06:14:00-07:53 1997-09-29 00:00:00-07:00")]
    [InlineData("{{ modules.pytz.utc.localize(modules.datetime.datetime(2024, 1, 1)).astimezone(modules.pytz.timezone('Asia/Kolkata')).strftime('%H:%M %z') }} {{ run_started_at.tzinfo }}", "05:30 +0530 UTC")]
    public async Task Gives_what_dbt_gives(string template, string expected)
    {
        await using var project = new EngineFixture();

        (await project.CompileAsync("m", template)).Should().Be(expected);
    }
}
