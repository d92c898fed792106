using System.ComponentModel.DataAnnotations;
using System.ComponentModel.DataAnnotations.Schema;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion.Tests.Contracts;

public sealed class ContractTests
{
    private enum Kind
    {
        Casual,
        Member,
    }

    [Fact]
    public void A_record_declares_columns_types_rules_and_what_may_be_null() =>
        Contract.Of<Trip>().ToString().Should().Be(
            """
            trip_id int64 not null, at least 1
            started_at timestamp with time zone not null
            station text not null, at most 40 long, matching [A-Z].*
            fare decimal(8,2), between 0 and 500.5
            share double
            bike uuid not null
            day date not null, between 2020-01-01 and 9999-12-31
            at time
            seats int16 not null, one of 1, 2
            photo binary, at most 10 long
            electric boolean not null
            kind text, one of Casual, Member
            note text not null, at least 1 long
            total decimal(38,10) not null
            """.ReplaceLineEndings("\n"));

    [Fact]
    public void What_the_source_calls_a_column_is_not_its_name()
    {
        var column = Contract.Of<Trip>().Columns[1];
        (column.Name, column.SourceName).Should().Be(("started_at", "Start Time"));
        Contract.Of<Trip>().Columns.Should().NotContain(c => c.Name == "ignored");
    }

    [Fact]
    public void The_version_changes_with_what_is_declared_and_with_nothing_else()
    {
        Contract.Of<Trip>().Version.Should().MatchRegex("^[0-9a-f]{12}$").And.Be(Contract.Of<Trip>().Version);
        Contract.Of<Narrow>().Version.Should().NotBe(Contract.Of<Wide>().Version);
    }

    [Theory]
    [InlineData(typeof(WithUri), "WithUri.Site", "Uri")]
    [InlineData(typeof(WithBadRange), "WithBadRange.Count", "'many'")]
    [InlineData(typeof(WithLengthOfNumber), "WithLengthOfNumber.Count", "at most 3 long")]
    [InlineData(typeof(WithBrokenPattern), "WithBrokenPattern.Code", "'['")]
    [InlineData(typeof(WithCompare), "WithCompare.Again", "[CompareAttribute]")]
    [InlineData(typeof(WithTooFineBound), "WithTooFineBound.Price", "0.001")]
    [InlineData(typeof(Empty), "Empty", "no public property")]
    public void What_cannot_be_a_column_is_named(Type type, string property, string problem)
    {
        var of = typeof(Contract).GetMethod(nameof(Contract.Of))!.MakeGenericMethod(type).CreateDelegate<Func<Contract>>();
        var exception = of.Should().Throw<DataPlatformException>().Which;
        exception.FailureClass.Should().Be(FailureClass.Configuration);
        exception.Message.Should().Contain(property).And.Contain(problem);
    }

    [Fact]
    public void Columns_that_collide_are_refused()
    {
        ContractColumn Column(string name, string source) => new(new Field(name, Int64Type.Default, true), source);
        FluentActions.Invoking(() => new Contract(Column("a", "A"), Column("a", "a "))).Should().Throw<DataPlatformException>().WithMessage("'A' and 'a ' both give a column a.");
        FluentActions.Invoking(() => new Contract(Column("_load_id", "_load_id"))).Should().Throw<DataPlatformException>().WithMessage("*_load_id*");
    }

    private sealed record Trip(
        [Range(1, long.MaxValue)] long TripId,
        [property: Column("Start Time")] DateTimeOffset StartedAt,
        [StringLength(40), RegularExpression("[A-Z].*")] string Station,
        [Precision(8, 2), Range(0, 500.5)] decimal? Fare,
        double? Share,
        Guid Bike,
        [Range(typeof(DateOnly), "2020-01-01", "9999-12-31")] DateOnly Day,
        TimeOnly? At,
        [AllowedValues((short)1, (short)2)] short Seats,
        [MaxLength(10)] byte[]? Photo,
        bool Electric,
        Kind? Kind)
    {
        [Required]
        public string? Note { get; init; }

        public decimal Total { get; init; }

        [NotMapped]
        public string? Ignored { get; init; }
    }

    private sealed record Narrow(int A);

    private sealed record Wide(long A);

    private sealed record WithUri(Uri Site);

    private sealed record WithBadRange([Range(typeof(int), "1", "many")] int Count);

    private sealed record WithLengthOfNumber([MaxLength(3)] int Count);

    private sealed record WithBrokenPattern([RegularExpression("[")] string Code);

    private sealed record WithCompare(string Mail, [property: Compare("Mail")] string Again);

    private sealed record WithTooFineBound([Precision(8, 2), Range(0.001, 1)] decimal Price);

    private sealed class Empty;
}
