// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;

namespace Lifeboat.Controller.Declarations;

internal sealed record DeclaredInstance(string? Tenant, string Name, FieldReader Fields)
    : Declaration("Instance", Tenant, Name, Fields);

/// <summary>Whose an instance is that the site has; it is not made by a document.</summary>
internal sealed class InstanceKind(InstanceTenants owners, InstanceCatalog instances) : IDeclaredKind
{
    public string Kind => "Instance";
    public string NameField => "name";
    public string? UsualTenant => null;
    public bool IsOfSite => false;

    public Declaration Read(string? tenant, string name, FieldReader fields) =>
        new DeclaredInstance(tenant, name, fields);

    public async Task PlanAsync(DeclarationWork work, CancellationToken ct)
    {
        var declared = work.Of<DeclaredInstance>().ToList();
        if (declared.Count == 0) return;
        var of = owners.All();
        var there = work.Caller.IsOfSite ? (await instances.ListAsync(ct)).Select(i => i.Name).ToHashSet() : [];
        foreach (var wanted in declared)
        {
            if (!work.Caller.IsOfSite) work.Require(wanted, Right.Operate, atSite: true);
            else if (!there.Contains(wanted.Name))
                wanted.Fields.Fault("name", $"site {work.Site} has no instance {wanted.Name}; take it in with "
                    + "`lifeboat instance adopt`", ReasonCode.InstanceUnknown);
            else if (of.GetValueOrDefault(wanted.Name) is var now && now == wanted.Tenant) work.Unchanged++;
            else
            {
                work.Require(wanted, Right.Operate, atSite: true);
                work.Change(wanted, ChangeAction.Change, [new FieldChange("tenant", now, wanted.Tenant)],
                    $"/v1/instances/{wanted.Name}/tenant", _ =>
                    {
                        owners.Give(wanted.Name, wanted.Tenant);
                        return Task.CompletedTask;
                    });
            }
        }
    }

    public IEnumerable<ExportedDocument> Export(DeclarationWork work) => !work.Caller.IsOfSite ? [] :
        from owner in owners.All().OrderBy(o => o.Key, StringComparer.Ordinal)
        where work.Caller.Sees(owner.Value)
        select new ExportedDocument(Kind, [("name", owner.Key), ("tenant", owner.Value)]);
}

internal sealed record DeclaredPeer(string Name, string? Reference, FieldReader Fields)
    : Declaration("Peer", null, Name, Fields);

/// <summary>A site that this one is paired with. The token is a secret: a document says where it is.</summary>
internal sealed class PeerKind(PeerDirectory peers, Pairing pairing) : IDeclaredKind
{
    public string Kind => "Peer";
    public string NameField => "name";
    public string? UsualTenant => null;
    public bool IsOfSite => true;

    public Declaration Read(string? tenant, string name, FieldReader fields)
    {
        var (file, variable) = (fields.Text("tokenFile"), fields.Text("tokenVariable"));
        if (file is not null && variable is not null)
            fields.Fault("tokenVariable", "tokenFile and tokenVariable are both given");
        return new DeclaredPeer(name, file is not null ? $"file:{file}" : variable is not null
            ? $"variable:{variable}" : null, fields);
    }

    public Task PlanAsync(DeclarationWork work, CancellationToken ct)
    {
        foreach (var wanted in work.Of<DeclaredPeer>())
        {
            if (!work.Caller.IsOfSite) work.Require(wanted, Right.Operate, atSite: true);
            else if (wanted.Name == work.Site || peers.Knows(wanted.Name)) work.Unchanged++;
            else Plan(wanted, work);
        }
        return Task.CompletedTask;
    }

    public IEnumerable<ExportedDocument> Export(DeclarationWork work) =>
        work.Caller is not { IsOfSite: true, Tenant: null } ? [] :
        peers.All.Select(p => new ExportedDocument(Kind, [("name", p.Name)]));

    private void Plan(DeclaredPeer wanted, DeclarationWork work)
    {
        work.Require(wanted, Right.Operate, atSite: true);
        if (wanted.Reference is not { } reference)
        {
            wanted.Fields.Fault("", $"this site is not paired with {wanted.Name}: make a token there with "
                + "`lifeboat site token`, and say with tokenFile or tokenVariable where it is", ReasonCode.SiteUnknown);
            return;
        }
        var token = work.Secret(reference);
        if (token is null) work.SecretsWanted.Add(reference);
        else if (SiteOf(token) is not { } site)
            wanted.Fields.Fault("", $"what {reference} holds is no pairing token", ReasonCode.PairingTokenRefused);
        else if (site != wanted.Name)
            wanted.Fields.Fault("", $"the token of {reference} is one of site {site}", ReasonCode.PairingTokenRefused);
        work.Change(wanted, ChangeAction.Create, [new FieldChange("token", null, $"from {reference}")],
            "/v1/site/pair", ct => pairing.JoinAsync(token ?? "", ct));
    }

    private static string? SiteOf(string token)
    {
        try
        {
            return PairingTicket.Read(token).Site;
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.PairingTokenRefused)
        {
            return null;
        }
    }
}

internal sealed record DeclaredLink(string Name, LinkSettings Settings, FieldReader Fields)
    : Declaration("Link", null, Name, Fields);

/// <summary>What is shipped to a paired site, and how.</summary>
internal sealed class LinkKind(PeerDirectory peers, SpecStore specs, LinkEditing links) : IDeclaredKind
{
    public string Kind => "Link";
    public string NameField => "peer";
    public string? UsualTenant => null;
    public bool IsOfSite => true;

    public Declaration Read(string? tenant, string name, FieldReader fields)
    {
        var settings = new LinkSettings
        {
            Cap = SiteText.Cap(fields, "cap"),
            Windows = fields.Texts("windows"),
            TimeZone = fields.Text("timeZone") ?? LinkSettings.Default.TimeZone,
            Compression = fields.Choice<CompressionMode>("compression") ?? LinkSettings.Default.Compression,
            Paths = fields.Texts("paths"),
        };
        foreach (var problem in settings.Problems())
            fields.Fault(problem.StartsWith("window", StringComparison.Ordinal) ? "windows"
                : problem.StartsWith("time zone", StringComparison.Ordinal) ? "timeZone" : "paths", problem);
        return new DeclaredLink(name, settings, fields);
    }

    public Task PlanAsync(DeclarationWork work, CancellationToken ct)
    {
        foreach (var wanted in work.Of<DeclaredLink>())
        {
            if (!work.Caller.IsOfSite) work.Require(wanted, Right.Operate, atSite: true);
            else if (!peers.Knows(wanted.Name) && wanted.Name != work.Site && !work.Declares("Peer", null, wanted.Name)
                && !work.Faults.Unread.Contains(wanted.Name))
                wanted.Fields.Fault("peer", $"this site is not paired with a site {wanted.Name}",
                    ReasonCode.SiteUnknown);
            else Plan(wanted, work);
        }
        return Task.CompletedTask;
    }

    public IEnumerable<ExportedDocument> Export(DeclarationWork work) =>
        work.Caller is not { IsOfSite: true, Tenant: null } ? [] :
        from peer in peers.All
        let settings = specs.Link(peer.Name)
        where Shown(settings).Any(f => f.Text is not null)
        select new ExportedDocument(Kind,
        [
            ("peer", peer.Name), ("cap", settings.Cap), ("windows", settings.Windows.ToList()),
            ("timeZone", Zone(settings)), ("compression", Compression(settings)), ("paths", settings.Paths.ToList()),
        ]);

    private void Plan(DeclaredLink wanted, DeclarationWork work)
    {
        var now = specs.Link(wanted.Name);
        var fields = FieldChanges.Between(Shown(now), Shown(wanted.Settings));
        // A file that both sites apply has the links of both: the one to itself is the other's.
        if (fields.Count == 0 || wanted.Name == work.Site)
        {
            work.Unchanged++;
            return;
        }
        work.Require(wanted, Right.Operate, atSite: true);
        work.Change(wanted, ChangeAction.Change, fields, $"/v1/links/{wanted.Name}", async ct =>
        {
            if (FieldChanges.Between(Shown(now), Shown(specs.Link(wanted.Name))).Count > 0)
                throw SiteText.Changed($"the link to {wanted.Name}");
            await links.SetAsync(wanted.Name, wanted.Settings, ct);
        });
    }

    private static IEnumerable<(string Field, string? Text)> Shown(LinkSettings settings) =>
    [
        ("cap", SiteText.Rate(settings.Cap)), ("windows", FieldChanges.List(settings.Windows)),
        ("timeZone", Zone(settings)), ("compression", Compression(settings)),
        ("paths", FieldChanges.List(settings.Paths)),
    ];

    private static string? Zone(LinkSettings settings) =>
        settings.TimeZone == LinkSettings.Default.TimeZone ? null : settings.TimeZone;

    private static string? Compression(LinkSettings settings) =>
        settings.Compression == LinkSettings.Default.Compression ? null : FieldReader.Kebab(settings.Compression);
}
