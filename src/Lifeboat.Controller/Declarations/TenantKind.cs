// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Declarations;

internal sealed record DeclaredTenant(string Name, string? Description, TenantLimits Limits, FieldReader Fields)
    : Declaration("Tenant", null, Name, Fields);

internal sealed class TenantKind(TenantStore store, TenantCatalog catalog) : IDeclaredKind
{
    private const int DescriptionMax = 200;

    public string Kind => "Tenant";
    public string NameField => "name";
    public string? UsualTenant => null;
    public bool IsOfSite => true;

    public Declaration Read(string? tenant, string name, FieldReader fields)
    {
        var description = fields.Text("description");
        if (description is { Length: > DescriptionMax })
            fields.Fault("description", $"has {description.Length} characters; {DescriptionMax} are the most");
        return new DeclaredTenant(name, description, new TenantLimits
        {
            GroupsMax = fields.Number("groupsMax", 0, int.MaxValue),
            ProtectedBytesMax = fields.Value("protectedMax", DataSize.Rule, DataSize.Parse),
            ShipCap = SiteText.Cap(fields, "shipCap"),
            FourEyes = fields.Flag("fourEyes"),
        }, fields);
    }

    public Task PlanAsync(DeclarationWork work, CancellationToken ct)
    {
        foreach (var wanted in work.Of<DeclaredTenant>()) Plan(wanted, work);
        if (!work.Caller.IsOfSite || work.Caller.Tenant is not null) return Task.CompletedTask;
        foreach (var tenant in store.All().Where(t => t.Name != TenantStore.Default && work.Prunes(Kind, null)
            && !work.Declares(Kind, null, t.Name)))
        {
            work.RequireToPrune(Kind, tenant.Name, Right.Administer);
            work.LateRemovals.Add(DeclarationWork.Removal(Kind, null, tenant.Name, $"/v1/tenants/{tenant.Name}", _ =>
            {
                catalog.Delete(tenant.Name);
                return Task.CompletedTask;
            }));
        }
        return Task.CompletedTask;
    }

    // What a tenant may have is not the tenant's to declare.
    public IEnumerable<ExportedDocument> Export(DeclarationWork work) => !work.Caller.IsOfSite ? [] :
        from tenant in store.All()
        where work.Caller.Sees(tenant.Name) && (tenant.Name != TenantStore.Default
            || Shown(tenant.Description, tenant.Limits).Any(f => f.Text is not null))
        select new ExportedDocument(Kind,
        [
            ("name", tenant.Name),
            .. Shown(tenant.Description, tenant.Limits).Select(f => (f.Field, (object?)f.Text)),
        ]);

    private void Plan(DeclaredTenant wanted, DeclarationWork work)
    {
        if (!work.Caller.IsOfSite)
        {
            work.Require(wanted, Right.Administer, atSite: true);
            return;
        }
        var now = store.Find(wanted.Name);
        var fields = FieldChanges.Between(now is null ? [] : Shown(now.Description, now.Limits),
            Shown(wanted.Description, wanted.Limits));
        if (now is not null && fields.Count == 0)
        {
            work.Unchanged++;
            return;
        }
        work.Require(wanted, Right.Administer, atSite: true);
        work.Change(wanted, now is null ? ChangeAction.Create : ChangeAction.Change, fields,
            $"/v1/tenants/{wanted.Name}", async ct =>
            {
                if (now is null)
                    await catalog.CreateAsync(new CreateTenantRequest
                    {
                        Name = wanted.Name, Description = wanted.Description, Limits = wanted.Limits,
                    }, ct);
                else await catalog.SetAsync(now, wanted.Description, wanted.Limits, ct);
            });
    }

    private static IEnumerable<(string Field, string? Text)> Shown(string? description, TenantLimits limits) =>
    [
        ("description", description),
        ("groupsMax", limits.GroupsMax?.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("protectedMax", limits.ProtectedBytesMax is { } max ? DataSize.Text(max) : null),
        ("shipCap", SiteText.Rate(limits.ShipCap)),
        ("fourEyes", FieldChanges.Text(limits.FourEyes)),
    ];
}

/// <summary>Texts of what is the site's.</summary>
internal static class SiteText
{
    /// <summary>A rate as it is written, checked; null: none.</summary>
    public static string? Cap(FieldReader fields, string field)
    {
        if (fields.Text(field) is not { } text || text == "none") return null;
        if (DataRate.TryParse(text, out _)) return text;
        fields.Fault(field, $"'{text}' is not a rate: {DataRate.Rule}");
        return null;
    }

    /// <summary>The same rate in the same words, however it was written.</summary>
    public static string? Rate(string? text) => text is not null && DataRate.TryParse(text, out var rate)
        && DataRate.TryParse(DataRate.Text(rate), out var same) && same == rate ? DataRate.Text(rate) : text;

    public static ProblemException Changed(string what) => new(ReasonCode.PreconditionFailed,
        $"{what} was changed by somebody else meanwhile", "Apply again: what would be changed now is shown.");
}
