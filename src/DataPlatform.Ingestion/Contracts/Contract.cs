using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Apache.Arrow;
using DataPlatform.Ledger;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>What a table's rows must look like: its columns, their types, and rules for their values. A row that does not keep them is quarantined.</summary>
public sealed class Contract
{
    private readonly Dictionary<string, int> _byName;

    /// <summary>Puts a contract together from columns.</summary>
    /// <param name="columns">The columns in the order of the table.</param>
    /// <exception cref="DataPlatformException">There is none, or two have the same name.</exception>
    public Contract(params IReadOnlyList<ContractColumn> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        if (columns.Count == 0) throw new DataPlatformException(FailureClass.Configuration, "A contract has no columns.", "Give it at least one.");
        Columns = [.. columns];
        _byName = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < Columns.Count; i++)
        {
            var column = Columns[i];
            if (column.Name == LoadTransaction.LoadIdColumn)
            {
                throw new DataPlatformException(
                    FailureClass.Configuration, $"'{column.SourceName}' gives a column {column.Name}, which every loaded table has for the load's number.", "Give it another name.");
            }

            if (!_byName.TryAdd(column.Name, i))
            {
                throw new DataPlatformException(
                    FailureClass.Configuration,
                    $"'{Columns[_byName[column.Name]].SourceName}' and '{column.SourceName}' both give a column {column.Name}.",
                    "Give one of them another name.");
            }
        }

        Schema = new Schema(Columns.Where(c => !c.IsAbsent).Select(c => c.Field), metadata: null);
        Version = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ToString())))[..12];
    }

    /// <summary>The columns in the order of the table.</summary>
    public IReadOnlyList<ContractColumn> Columns { get; }

    /// <summary>The columns as Arrow has them.</summary>
    public Schema Schema { get; }

    /// <summary>Changes when a column, type or rule changes: the start of the SHA-256 of <see cref="ToString"/>.</summary>
    public string Version { get; }

    /// <summary>Whether the types were found by looking at data.</summary>
    internal bool IsInferred { get; init; }

    /// <summary>The contract that a record or class declares: its columns are those of <see cref="RecordMapper{T}"/>, its attributes are rules.</summary>
    /// <remarks>
    /// Attributes of <c>System.ComponentModel.DataAnnotations</c>: <c>[Range]</c>, <c>[StringLength]</c>, <c>[Length]</c>, <c>[MinLength]</c>,
    /// <c>[MaxLength]</c>, <c>[RegularExpression]</c>, <c>[AllowedValues]</c>, <c>[Required]</c> and every other validation attribute that can judge
    /// a value alone. <c>[Column("Start Time")]</c> says what the source calls the column. An enum allows the names of its members.
    /// A decimal without <see cref="PrecisionAttribute"/> has the digits of an existing table's column.
    /// </remarks>
    /// <typeparam name="T">The record or class.</typeparam>
    /// <exception cref="DataPlatformException">A property's type or attribute cannot be a column's; the message names it.</exception>
    public static Contract Of<[DynamicallyAccessedMembers(RecordMapper.Members)] T>() where T : notnull => ClrContract.Read<T>();

    /// <summary>The place of a column among <see cref="Columns"/>, or -1.</summary>
    internal int IndexOf(string name) => _byName.GetValueOrDefault(name, -1);

    internal Contract With(Func<ContractColumn, ContractColumn> change) => With([.. Columns.Select(change)]);

    internal Contract With(IReadOnlyList<ContractColumn> columns) => new(columns) { IsInferred = IsInferred };

    /// <summary>The contract in one canonical text, a line a column.</summary>
    public override string ToString() => string.Join('\n', Columns);
}
