using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using System.Reflection;
using Apache.Arrow;
using Array = System.Array;

namespace DataPlatform.Warehouses;

/// <summary>Makes objects of a type from the columns of a batch: by its constructor, then by setters.</summary>
internal sealed class RecordConstructor<[DynamicallyAccessedMembers(RecordMapper.Members)] T> where T : notnull
{
    private readonly RecordProperty[] _properties;
    private readonly Func<Delegate[], int, T> _create;

    public RecordConstructor(IReadOnlyList<RecordProperty> properties)
    {
        var constructor = Choose(properties);
        var given = constructor?.GetParameters() ?? [];
        var set = properties.Where(property => property.Info.SetMethod is { IsPublic: true } && !given.Any(parameter => IsFor(parameter, property))).ToList();
        _properties = [.. given.Select(parameter => properties.First(property => IsFor(parameter, property))), .. set];

        var readers = Expression.Parameter(typeof(Delegate[]));
        var row = Expression.Parameter(typeof(int));
        var values = _properties.Select((property, i) => property.Read(Expression.ArrayIndex(readers, Expression.Constant(i)), row)).ToList();
        var made = constructor is null ? Expression.New(typeof(T)) : Expression.New(constructor, values.Take(given.Length));
        var body = Expression.MemberInit(made, set.Select((property, i) => Expression.Bind(property.Info, values[given.Length + i])));
        _create = Expression.Lambda<Func<Delegate[], int, T>>(body, readers, row).Compile();
    }

    public T Create(Delegate[] readers, int row) => _create(readers, row);

    /// <summary>Finds the columns in a batch.</summary>
    public Delegate[] Bind(RecordBatch batch)
    {
        var readers = new Delegate[_properties.Length];
        for (var i = 0; i < readers.Length; i++)
        {
            var property = _properties[i];
            var name = property.Field.Name;
            var index = batch.Schema.GetFieldIndex(name);
            if (index < 0)
            {
                throw new DataPlatformException(
                    FailureClass.Configuration,
                    $"{typeof(T).Name}.{property.Info.Name} needs a column '{name}', which the rows do not have.",
                    $"They have {string.Join(", ", batch.Schema.FieldsList.Select(field => field.Name))}. Select it under that name, or leave the property out with [NotMapped].");
            }

            readers[i] = property.Bind(batch.Column(index)) ?? throw new DataPlatformException(
                FailureClass.Configuration,
                $"{typeof(T).Name}.{property.Info.Name} is of type {property.TypeName} and cannot hold column '{name}', which is {batch.Schema.GetFieldByIndex(index).DataType.Name}.",
                "Change the property's type, or cast the column in the query.");
        }

        return readers;
    }

    /// <summary>Says which column of a row it was that could not be read.</summary>
    public DataPlatformException Fault(Delegate[] readers, int row, Exception exception)
    {
        var index = Array.FindIndex(readers, reader => Throws(reader, row));
        var property = _properties[index];
        var problem = exception is ColumnValueException ? exception.Message : $"does not fit into {property.TypeName}.";
        return new DataPlatformException(
            FailureClass.Data,
            $"Column '{property.Field.Name}' {problem} It is read into {typeof(T).Name}.{property.Info.Name}.",
            (exception as ColumnValueException)?.Hint,
            exception);
    }

    private static bool Throws(Delegate reader, int row)
    {
        try
        {
            reader.DynamicInvoke(row);
            return false;
        }
        catch (TargetInvocationException)
        {
            return true;
        }
    }

    private static ConstructorInfo? Choose(IReadOnlyList<RecordProperty> properties)
    {
        var constructors = typeof(T).GetConstructors();
        var best = constructors
            .Where(constructor => Array.TrueForAll(constructor.GetParameters(), parameter => properties.Any(property => IsFor(parameter, property))))
            .MaxBy(constructor => constructor.GetParameters().Length);
        return best is not null || typeof(T).IsValueType
            ? best
            : throw new DataPlatformException(
                FailureClass.Configuration,
                $"{typeof(T).Name} cannot be made from columns: it has no public constructor whose parameters are all named as its properties.",
                "Make it a record, or a class with a constructor without parameters.");
    }

    private static bool IsFor(ParameterInfo parameter, RecordProperty property) =>
        string.Equals(parameter.Name, property.Info.Name, StringComparison.OrdinalIgnoreCase) && parameter.ParameterType == property.Info.PropertyType;
}
