// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Recovery.Runs;
using Microsoft.Extensions.Hosting;

namespace Lifeboat.Controller.Leases;

/// <summary>
/// Who of a site's controllers does what only one may do: each piece of work has a name, and each name is held by at
/// most one controller at a time. Names of groups: <see cref="LeaseName.Group"/>.
/// </summary>
internal interface ILeases : IHostedService
{
    /// <summary>
    /// Asks for the lease and looks whether it is held here now; answers at once and asks nobody. Background work says
    /// it before each round: a name that is not asked for within a minute is given back.
    /// </summary>
    /// <returns>False: another controller does it, or will within seconds.</returns>
    bool TryHold(string name);

    /// <summary>As <see cref="TryHold"/>, with the term for what must not outlive it; null: not held here.</summary>
    Tenure? Hold(string name);

    /// <summary>The controllers of the site that live, by name.</summary>
    IReadOnlyList<ControllerInfo> Controllers();

    /// <summary>Grows with every lease that is gained: what was done for all of them is due again.</summary>
    long Gained { get; }
}
