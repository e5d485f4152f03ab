// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Declarations;

/// <summary>Makes declarations of documents: kind, name, tenant, which site, and what the kind reads itself.</summary>
internal sealed class DeclarationReader(IReadOnlyList<IDeclaredKind> kinds, TenantStore tenants)
{
    private const string Version = "lifeboat/v1";

    /// <param name="elsewhere">How many documents are of other sites.</param>
    public IReadOnlyList<Declaration> Read(IReadOnlyList<DeclarationFile> files, string site, Caller caller,
        DeclarationFaults faults, out int elsewhere)
    {
        var declared = new List<Declaration>();
        var budget = new ValueBudget();
        elsewhere = 0;
        foreach (var file in files)
        {
            foreach (var document in YamlDocuments.Read(file, faults))
            {
                if (document.Kind is not NodeKind.Map)
                {
                    faults.Add(document.At, "#", $"a document is a mapping with a kind, not {document.Said}");
                    continue;
                }
                var fields = new FieldReader(document, "#", faults, budget);
                if (ReadOne(fields, caller, out var sites) is not { } one)
                {
                    foreach (var field in kinds.Select(k => k.NameField).Distinct())
                        if (document.Find(field) is { Kind: NodeKind.Text } name) faults.Unread.Add(name.Text);
                    continue;
                }
                if (sites.Count == 0 || sites.Contains(site)) declared.Add(one);
                else elsewhere++;
            }
        }
        ThrowOutDoubles(declared);
        FaultUnknownTenants(declared, caller, faults.Unread);
        return declared;
    }

    private Declaration? ReadOne(FieldReader fields, Caller caller, out IReadOnlyList<string> sites)
    {
        sites = fields.Texts("site");
        foreach (var (index, site) in sites.Index().Where(s => !EntityName.IsValid(s.Item)))
            fields.Fault($"site/{index}", $"'{site}' is no name of a site: {EntityName.Rule}");
        if (fields.Text("apiVersion") is { } version && version != Version)
            fields.Fault("apiVersion", $"is '{version}'; this controller reads {Version}");
        if (fields.Text("kind") is not { } name)
        {
            if (!fields.Has("kind")) fields.Fault("", $"'kind' is missing: {Kinds}");
            else if (fields.Node("kind") is null) fields.Fault("kind", $"says nothing: {Kinds}");
            return null;
        }
        if (kinds.FirstOrDefault(k => k.Kind == name) is not { } kind)
        {
            fields.Fault("kind", $"there is no kind '{name}': " + (name == "Application"
                ? "an application is what its groups say, `application: NAME`"
                : Nearest.To(name, kinds.Select(k => k.Kind)) is { } near ? $"did you mean {near}?" : Kinds));
            return null;
        }
        var tenant = kind.IsOfSite ? null : TenantOf(kind, fields, caller);
        var known = fields.Name(kind.NameField);
        var read = kind.Read(tenant, known, fields);
        fields.End();
        return known.Length == 0 ? null : read;
    }

    private string Kinds => $"there are {string.Join(", ", kinds.Select(k => k.Kind))}";

    private static string? TenantOf(IDeclaredKind kind, FieldReader fields, Caller caller) =>
        fields.Named("tenant") ?? caller.Tenant ?? kind.UsualTenant;

    // Another tenant is told apart from one that is not there by nobody but the site.
    private void FaultUnknownTenants(List<Declaration> declared, Caller caller, HashSet<string> unread)
    {
        var known = caller.Tenant is { } own ? [own]
            : tenants.All().Select(t => t.Name).Concat(declared.OfType<DeclaredTenant>().Select(t => t.Name))
                .ToHashSet();
        foreach (var one in declared.Where(d => d.Tenant is { } tenant && !known.Contains(tenant)).ToList())
        {
            if (!unread.Contains(one.Tenant!))
                one.Fields.Fault("tenant", $"there is no tenant {one.Tenant}", ReasonCode.TenantUnknown);
            declared.Remove(one);
            unread.Add(one.Name);
        }
        // A user of the site who asks for one tenant asks for nothing of the others.
        if (caller.Tenant is null) return;
        foreach (var one in declared.OfType<DeclaredTenant>().Where(t => t.Name != caller.Tenant).ToList<Declaration>())
        {
            one.Fields.Fault("name", $"there is no tenant {one.Name}", ReasonCode.TenantUnknown);
            declared.Remove(one);
        }
    }

    private static void ThrowOutDoubles(List<Declaration> declared)
    {
        var first = new Dictionary<(string, string?, string), Declaration>();
        foreach (var one in declared.ToList())
        {
            if (first.TryAdd((one.Kind, one.Tenant, one.Name), one)) continue;
            one.Fields.Fault("", $"{one.Kind} {one.Name} is declared twice, first at "
                + $"{first[(one.Kind, one.Tenant, one.Name)].Fields.At}", ReasonCode.InvalidRequest);
            declared.Remove(one);
        }
    }
}
