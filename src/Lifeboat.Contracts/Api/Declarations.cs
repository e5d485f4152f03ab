// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

/// <summary>Asks that what is there be as files declare it (docs/formats/declarations.md).</summary>
public sealed record ApplyRequest
{
    public required IReadOnlyList<DeclarationFile> Files { get; init; }
    /// <summary>Say what would change, and change nothing.</summary>
    public bool DryRun { get; init; }
    /// <summary>
    /// Delete what no document declares: of the kinds that occur in the files, and of the tenants that their documents
    /// are of.
    /// </summary>
    public bool Prune { get; init; }
    /// <summary>Groups may be deleted by that too, with their replicas and all their points.</summary>
    public bool DeleteGroups { get; init; }
    /// <summary>
    /// Of the answer that said what would change: refused (PreconditionFailed) when it would be something else by now.
    /// Null: whatever it is.
    /// </summary>
    public string? Tag { get; init; }
    /// <summary>By reference as an answer asked for them in <see cref="ApplyResult.SecretsWanted"/>.</summary>
    public IReadOnlyDictionary<string, string>? Secrets { get; init; }
}

/// <param name="Name">As faults name it.</param>
/// <param name="Text">YAML; one document or several.</param>
public sealed record DeclarationFile(string Name, string Text);

/// <summary>What was changed, or would be.</summary>
/// <param name="Done">False: it was only asked what would change.</param>
/// <param name="Tag">Stands for exactly these changes.</param>
/// <param name="Changes">In the order in which they are made.</param>
/// <param name="Unchanged">How many documents declare what is there already.</param>
/// <param name="Notes">What was passed over, and why.</param>
/// <param name="SecretsWanted">References to secrets that the changes need and that were not sent.</param>
public sealed record ApplyResult(bool Done, string Tag, IReadOnlyList<DeclaredChange> Changes, int Unchanged,
    IReadOnlyList<string> Notes, IReadOnlyList<string> SecretsWanted);

/// <param name="Kind">As documents name it, e.g. `Group`.</param>
/// <param name="Tenant">Whose it is; null: of the site.</param>
/// <param name="Fields">Never a secret.</param>
public sealed record DeclaredChange(string Kind, string? Tenant, string Name, ChangeAction Action,
    IReadOnlyList<FieldChange> Fields);

/// <param name="Field">Its name, with those above it: `overrides.retention`.</param>
/// <param name="Old">As a document would write it; null: there is none.</param>
/// <param name="New">As <paramref name="Old"/>.</param>
public sealed record FieldChange(string Field, string? Old, string? New);

public enum ChangeAction { Create = 1, Change = 2, Delete = 3 }
