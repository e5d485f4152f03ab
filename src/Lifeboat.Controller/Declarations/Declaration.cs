// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Declarations;

/// <summary>What one document declares.</summary>
/// <param name="Tenant">Null: it is the site's.</param>
/// <param name="Fields">Where its fields are, for what is found wrong with them later.</param>
internal abstract record Declaration(string Kind, string? Tenant, string Name, FieldReader Fields)
{
    /// <summary>Of a group or a policy.</summary>
    public string FullName => GroupName.Of(Tenant ?? GroupName.DefaultTenant, Name);
}

/// <summary>A change that is going to be made.</summary>
/// <param name="Subject">Path of the API for what it changes, as the audit log names it.</param>
internal sealed record PlannedChange(DeclaredChange Shown, string Subject, Func<CancellationToken, Task> DoAsync);

/// <summary>A document that says how something is, for an export.</summary>
/// <param name="Fields">Texts, numbers, flags, lists of them and mappings; null is left out.</param>
internal sealed record ExportedDocument(string Kind, IReadOnlyList<(string Field, object? Value)> Fields);

/// <summary>A kind of document: how it is read, what it changes, and how what is there is written as one.</summary>
internal interface IDeclaredKind
{
    /// <summary>As documents name it.</summary>
    string Kind { get; }
    /// <summary>The field with the name of what it is about.</summary>
    string NameField { get; }
    /// <summary>Whose it is when neither its document nor the caller names a tenant; null: the site's.</summary>
    string? UsualTenant { get; }
    /// <summary>Not of any tenant: documents of it name none.</summary>
    bool IsOfSite { get; }

    /// <summary>Reads the fields beyond kind, name, tenant and site.</summary>
    Declaration Read(string? tenant, string name, FieldReader fields);

    /// <summary>Finds what is to be changed, and everything that is wrong with it.</summary>
    Task PlanAsync(DeclarationWork work, CancellationToken ct);

    IEnumerable<ExportedDocument> Export(DeclarationWork work);
}

/// <summary>Compares the present and the declared: fields with the texts that a document has for them.</summary>
internal static class FieldChanges
{
    public static IReadOnlyList<FieldChange> Between(IEnumerable<(string Field, string? Text)> old,
        IEnumerable<(string Field, string? Text)> wanted)
    {
        var (before, after) = (ByField(old), ByField(wanted));
        return
        [
            .. from field in before.Keys.Union(after.Keys)
               let was = before.GetValueOrDefault(field)
               let will = after.GetValueOrDefault(field)
               where was != will
               select new FieldChange(field, was, will),
        ];
    }

    private static Dictionary<string, string> ByField(IEnumerable<(string Field, string? Text)> fields) =>
        fields.Where(f => f.Text is not null).ToDictionary(f => f.Field, f => f.Text!, StringComparer.Ordinal);

    public static string? Text(bool flag) => flag ? "true" : null;

    public static string? List(IEnumerable<string> texts) => texts.ToList() is { Count: > 0 } all
        ? $"[{string.Join(", ", all)}]" : null;
}
