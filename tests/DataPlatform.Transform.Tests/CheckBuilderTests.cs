using DataPlatform.Warehouses;

namespace DataPlatform.Transform.Tests;

public sealed class CheckBuilderTests
{
    [Fact]
    public void Each_check_has_a_name_that_says_its_rule_and_a_condition_with_its_values_as_literals() =>
        Checks(check => check.NotNull("a\"b", "c").Range("c", min: -1).Range("c", 1.5m, new DateOnly(2026, 3, 1)).In("d", "it's", 2)).Cast<ConditionCheck>()
            .Select(check => (check.Name, check.BrokenWhen)).Should().Equal(
                ("not null: a\"b", "\"a\"\"b\" IS NULL"),
                ("not null: c", "\"c\" IS NULL"),
                ("range: c at least -1", "\"c\" < CAST('-1' AS integer)"),
                ("range: c from 1.5 to 2026-03-01", "\"c\" < 1.5 OR \"c\" > CAST('2026-03-01' AS date)"),
                ("in: d among it's, 2", "\"d\" NOT IN ('it''s', 2)"));

    [Fact]
    public void A_warning_is_what_was_checked_last_with_all_its_columns() =>
        Checks(check => check.RowCount(min: 1).NotNull("a", "b").AsWarning().Unique("a")).Select(check => (check.Name, check.WarnOnly)).Should().Equal(
            ("row count: at least 1", false), ("not null: a", true), ("not null: b", true), ("unique: a", false));

    [Fact]
    public void What_checks_nothing_is_refused()
    {
        Refused(check => check.NotNull());
        Refused(check => check.Unique("a", " "));
        Refused(check => check.Range("a"));
        Refused(check => check.In("a"));
        Refused(check => check.RowCount());

        var warn = () => Checks(check => check.AsWarning());
        warn.Should().Throw<InvalidOperationException>();
    }

    private static void Refused(Func<CheckBuilder, CheckBuilder> configure)
    {
        var act = () => Checks(configure);
        act.Should().Throw<ArgumentException>();
    }

    private static IReadOnlyList<TableCheck> Checks(Func<CheckBuilder, CheckBuilder> configure) => configure(new CheckBuilder(new TableName("raw", "trips"))).Checks;
}
