// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Declarations;

/// <summary>What the kinds share while one request is looked at: the documents, and what is made of them.</summary>
internal sealed class DeclarationWork(Caller caller, string site, ApplyRequest request,
    IReadOnlyList<Declaration> declarations, DeclarationFaults faults)
{
    private readonly HashSet<string> _kinds = [.. declarations.Select(d => d.Kind)];
    private readonly HashSet<string?> _tenants = [.. declarations.Select(d => d.Tenant)];

    public Caller Caller => caller;
    public string Site => site;
    public DeclarationFaults Faults => faults;

    /// <summary>In the order in which they are made: groups that go first, what they need to be there then.</summary>
    public List<PlannedChange> Removals { get; } = [];
    public List<PlannedChange> Changes { get; } = [];
    /// <summary>Once nothing needs them any more; made from the last to the first.</summary>
    public List<PlannedChange> LateRemovals { get; } = [];
    /// <summary>When all changes are made.</summary>
    public List<Func<CancellationToken, Task>> Endings { get; } = [];
    public List<string> Notes { get; } = [];
    public List<string> SecretsWanted { get; } = [];
    public int Unchanged { get; set; }

    /// <summary>Policies as they will be, by full name, of those that are declared.</summary>
    public IReadOnlyDictionary<string, Policy> DeclaredPolicies { get; } = declarations.OfType<DeclaredPolicy>()
        .ToDictionary(p => p.FullName, p => p.Policy, StringComparer.Ordinal);
    /// <summary>Full names of groups that will be gone.</summary>
    public HashSet<string> GoneGroups { get; } = new(StringComparer.Ordinal);

    public IEnumerable<T> Of<T>() where T : Declaration => declarations.OfType<T>();

    public bool Declares(string kind, string? tenant, string name) =>
        declarations.Any(d => d.Kind == kind && d.Tenant == tenant && d.Name == name);

    /// <summary>What is there of this kind and tenant and is not declared is to be deleted.</summary>
    public bool Prunes(string kind, string? tenant) =>
        request.Prune && _kinds.Contains(kind) && _tenants.Contains(tenant);

    public bool MayDeleteGroups => request.DeleteGroups;

    public string? Secret(string reference) => request.Secrets?.GetValueOrDefault(reference);

    /// <summary>A fault at the document when the caller may not change what it is about.</summary>
    public void Require(Declaration of, Right right, bool atSite = false)
    {
        if (atSite && !caller.IsOfSite)
            of.Fields.Fault("", $"{of.Kind} {of.Name}: {caller.Name} is of a tenant, this is the site's",
                ReasonCode.NotAllowed);
        else if (!caller.Has(right))
            of.Fields.Fault("", $"{of.Kind} {of.Name}: {caller.Name} lacks the right {FieldReader.Kebab(right)}",
                ReasonCode.NotAllowed);
    }

    /// <summary>As <see cref="Require"/>, of what is deleted because no document has it.</summary>
    public void RequireToPrune(string kind, string name, Right right)
    {
        if (!caller.Has(right))
            FaultOfFiles($"to delete {kind} {name}, {caller.Name} lacks the right {FieldReader.Kebab(right)}",
                ReasonCode.NotAllowed);
    }

    /// <summary>What is wrong is not in any line.</summary>
    public void FaultOfFiles(string text, ReasonCode reason = ReasonCode.InvalidRequest) =>
        faults.Add(new Contracts.FilePlace(request.Files is [{ } first, ..] ? first.Name : "-", 1, 1), "#", text,
            reason);

    public void Change(Declaration of, ChangeAction action, IReadOnlyList<FieldChange> fields, string subject,
        Func<CancellationToken, Task> work) => Changes.Add(new PlannedChange(
            new DeclaredChange(of.Kind, of.Tenant, of.Name, action, fields), subject, work));

    public static PlannedChange Removal(string kind, string? tenant, string name, string subject,
        Func<CancellationToken, Task> work) => new(
            new DeclaredChange(kind, tenant, name, ChangeAction.Delete, []), subject, work);
}
