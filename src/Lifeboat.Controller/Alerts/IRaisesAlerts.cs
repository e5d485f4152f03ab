// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Watching;

namespace Lifeboat.Controller.Alerts;

/// <summary>Knows of things that are worth an alert and are not in what a look at the site sees.</summary>
internal interface IRaisesAlerts
{
    /// <summary>Those that hold now.</summary>
    IReadOnlyList<Condition> Conditions(Observation now);
}
