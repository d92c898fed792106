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
    public async Task Gives_what_dbt_gives(string template, string expected)
    {
        await using var project = new EngineFixture();

        (await project.CompileAsync("m", template)).Should().Be(expected);
    }
}
